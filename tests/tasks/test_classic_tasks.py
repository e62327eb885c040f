"""What holds for the classic problems besides adding, copying and temporal order."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from rnnlab.foundation.statistics import wilson
from rnnlab.tasks import Draws, Part, Task, check_task
from rnnlab.tasks.delayed_parity import DelayedParity
from rnnlab.tasks.delayed_xor import DelayedXOR
from rnnlab.tasks.denoise import Denoise
from rnnlab.tasks.memorization import Memorization
from rnnlab.tasks.multiplication import Multiplication
from rnnlab.tasks.noisy_two_sequence import NoisyTwoSequence
from rnnlab.tasks.permutation import Permutation
from rnnlab.tasks.philox import by_torch
from rnnlab.tasks.reber import Reber
from rnnlab.tasks.recall import Recall
from rnnlab.tasks.selective_copy import SelectiveCopy
from rnnlab.tasks.sequential_counting import SequentialCounting
from rnnlab.tasks.stream import Stream
from rnnlab.tasks.two_sequence import TwoSequence
from tests.support.draws import draws

TASKS: list[Task] = [
    Multiplication(25),
    Multiplication(25, "hochreiter1997"),
    Permutation(7, 9),
    Memorization(delay=5, num_symbols=3, copy_len=4),
    Denoise(delay=5, num_symbols=3, copy_len=4),
    SelectiveCopy(context_len=9, num_symbols=3, copy_len=4),
    TwoSequence(delay=5),
    TwoSequence(delay=5, variant="2b"),
    TwoSequence(delay=5, variant="2c", num_distractors=3),
    *(NoisyTwoSequence(20, 3, variant) for variant in ("3a", "3b", "3c")),
    DelayedXOR(delay=2, num_answers=6),
    DelayedXOR(delay=1, num_answers=6, levels=2),
    DelayedParity(delay=2, num_bits=3, num_answers=6),
    Reber(),
    Reber(14),
    SequentialCounting(11),
    SequentialCounting(14, num_symbols=3),
]
DRAWN_LENGTH = (Multiplication, NoisyTwoSequence, TwoSequence, Reber)


def a_symbol_a_step(task: Task) -> bool:
    """Whether another length has another alphabet."""
    return isinstance(task, TwoSequence) and task.variant != "2c"


every_task = pytest.mark.parametrize("task", TASKS, ids=str)


def log_odds(likely: Tensor) -> Tensor:
    return torch.special.logit(likely.clamp(1e-6, 1 - 1e-6))


def surely_then_any(task: Task, shape: tuple[int, ...], guessed: int) -> Tensor:
    """Surely the blank, which `guessed` says the class of, and any other class at the last four steps."""
    logits = torch.zeros(shape)
    logits[:, :-4] = -100
    logits[:, :-4, guessed] = 100
    logits[:, -4:, guessed] = -100
    return logits


def blind_answer(task: Task, targets: Tensor) -> Tensor:
    """The best answer that ignores the inputs, by hand."""
    shape = (*targets.shape[:2], task.output_size)
    match task:
        case Multiplication(variant="hochreiter1997"):
            return torch.full(shape, (1 + 0.1 + 0.9 / 11) / 4)  # T//2 - 1 = 11
        case Multiplication():
            return torch.full(shape, 0.25)
        case Permutation():
            return torch.tensor([0.0, 0.0] + [-100.0] * 7).expand(shape)
        case Memorization():
            return surely_then_any(task, shape, 3)
        case Denoise():
            return surely_then_any(task, shape, 0)
        case TwoSequence(variant="2a"):
            steps = [[*row, 0.0, 0.0] for row in torch.eye(4).tolist()]
            return log_odds(torch.tensor([*steps, [0, 0, 0, 0, 0.5, 0.5]])).expand(shape)
        case TwoSequence(variant="2b"):
            steps = [[0.25] * 4 + [0.0, 0.0]] * 4
            return log_odds(torch.tensor([*steps, [0, 0, 0, 0, 0.5, 0.5]])).expand(shape)
    return torch.zeros(shape)


@every_task
def test_it_keeps_to_what_a_task_is(task: Task) -> None:
    """Oracle: the check that every run begins with."""
    check_task(task)


@pytest.mark.parametrize(
    "task", [t for t in TASKS if not isinstance(t, Reber | SequentialCounting)], ids=str
)
def test_chance_against_samples(task: Task) -> None:
    """Oracle: loss and error of the best blind answer to 20,000 sequences, within 4 standard errors.

    What those of grammar and counting are is enumerated in their own tests.
    """
    batches = [task.sample(draws(1000, batch=number)).targets for number in range(20)]
    answers = [blind_answer(task, targets) for targets in batches]
    losses = torch.stack([*map(task.loss, answers, batches)]).double()
    deviation = losses.std().item() / len(losses) ** 0.5
    assert abs(losses.mean().item() - task.chance) < 4 * deviation + 2e-5 * task.chance
    place = 1 if isinstance(task, Permutation | Recall) else -1  # of an output that is in doubt
    for step in (-0.1, 0.1):  # no better answer nearby: in this output, a step either way
        others = [answer.clone() for answer in answers]
        for other in others:
            other[..., place] += step
        assert torch.stack([*map(task.loss, others, batches)]).double().mean() > losses.mean()
    wrong = torch.cat([*map(task.errors, answers, batches)]).double()
    assert task.chance_error is not None
    spread = (task.chance_error * (1 - task.chance_error) / len(wrong)) ** 0.5
    assert abs(wrong.mean().item() - task.chance_error) <= 4 * spread


@every_task
def test_a_right_answer_has_no_error_and_an_undefined_one_is_wrong(task: Task) -> None:
    """Oracle: the targets themselves, as sure as a number can be."""
    targets = task.sample(draws(50)).targets
    if isinstance(task, Reber):
        outputs = 40.0 * (2 * task.legal(targets).float() - 1)
    elif not targets.is_floating_point():
        outputs = 40.0 * (2 * F.one_hot(targets, task.output_size) - 1).float()
    elif isinstance(task, Multiplication):
        outputs = targets
    else:
        outputs = log_odds(targets[..., -task.output_size :])
    assert not task.errors(outputs, targets).any()
    undefined = outputs.clone()
    undefined[:, targets.shape[1] // 2 if isinstance(task, Reber) else -1] = math.nan
    if isinstance(task, SequentialCounting):  # of the last step little is asked
        undefined[:, 0] = math.nan
    assert task.errors(undefined, targets).all()
    contrary = outputs + 1 if isinstance(task, Multiplication) else -outputs
    assert task.errors(contrary, targets).all()


@every_task
def test_a_sequence_is_the_same_alone_and_on_a_device(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Oracle: a batch of ten; the words by torch, as on CUDA, to the bit."""
    batch = task.sample(draws(10))
    alone = task.sample(Draws(0, "test", [Part(0, 7, 1)]))
    monkeypatch.setattr("rnnlab.tasks.philox.by_numpy", by_torch)
    others = task.sample(draws(10))
    for whole, one, other in zip(batch, alone, others, strict=True):
        assert torch.equal(whole[7:8], one)
        assert torch.equal(whole, other)


@pytest.mark.parametrize("task", [t for t in TASKS if not a_symbol_a_step(t)], ids=str)
def test_at_length(task: Task) -> None:
    longer = task.at_length(40)
    assert longer.seq_len == 40
    assert type(longer) is type(task)
    assert longer.at_length(task.seq_len) == task
    steps = longer.sample(draws(2)).inputs.shape[1]
    assert steps >= 40 if isinstance(task, DRAWN_LENGTH) else steps == 40
    for short in (0, -1, True, 2.5):
        with pytest.raises(ValueError, match=f"={short}"):
            task.at_length(short)  # pyrefly: ignore[bad-argument-type]


@pytest.mark.parametrize("task", [t for t in TASKS if isinstance(t, DRAWN_LENGTH)], ids=str)
def test_lengths_of_a_batch(task: Task) -> None:
    """Batches that have other lengths each come out of a stream as they do alone. Oracle: the batch alone."""
    stream = Stream(task, batch_size=3, seed=5, stream="train")
    for number, batch in enumerate(stream.batches(0, 6)):
        alone = task.sample(Draws(5, "train", [Part(number, 0, 3)]))
        assert torch.equal(batch.inputs, alone.inputs)
        assert torch.equal(batch.targets, alone.targets)


def test_solved_below() -> None:
    """Oracle: 13 of 2000, none or fewer than 6 of 256, as the papers have it; what none of 10,000 shows."""
    named = {
        Multiplication(variant="hochreiter1997"): 0.0065,
        TwoSequence(): 0.0004,
        NoisyTwoSequence(): 1 / 256,
        NoisyTwoSequence(variant="3b"): 6 / 256,
        NoisyTwoSequence(variant="3c"): 1 / 256,
        Multiplication(): 0.01,
        Permutation(): 0.01,
        Memorization(): 0.01,
        Reber(): 0.01,
        DelayedXOR(): 0.01,
    }
    for task, rate in named.items():
        assert task.solved_below == pytest.approx(rate)
    assert 0.00035 < wilson(0, 10_000)[1] < 0.0004
