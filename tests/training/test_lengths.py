"""Tasks whose sequences have lengths of their own: trained, scored and refused.

Oracle: each sequence alone, without `lengths`; what is asked of it is counted by hand.
"""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Self

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from rnnlab.cells import SequenceModel
from rnnlab.cells.gru import GRUCell
from rnnlab.diagnostics.error_by_lag import ErrorByLag
from rnnlab.diagnostics.omega import Omega
from rnnlab.diagnostics.probe import Probe, refuse_counts
from rnnlab.foundation.contract import ContractError
from rnnlab.tasks import Batch, Draws, Stream, Task, check_task
from rnnlab.training.clipping import NoClip
from rnnlab.training.evaluation import Evaluation
from rnnlab.training.footprint import Footprint
from rnnlab.training.gradient import Gradient
from rnnlab.training.omega import OmegaRegularizer
from rnnlab.training.settings import EvalSettings
from tests.support.command import QUICK, Command, result_of


@dataclass(frozen=True)
class LastBit(Task):
    """Tell the last `answers` bits of 2 to seq_len; a class of -100 is asked of nobody.

    1 0 0 1 . .   lengths 4 -> 0 1
    """

    seq_len: int = 9  # pyrefly: ignore[bad-override]
    answers: int = 1

    input_size, output_size = 1, 2  # pyrefly: ignore[bad-override]
    chance, chance_error = 0.6931, 0.5  # pyrefly: ignore[bad-override]

    def sample(self, draws: Draws) -> Batch:
        bits = draws.integers(0, 2, self.seq_len)
        lengths = draws.integers(2, self.seq_len + 1, 1)[:, 0]
        at = lengths.unsqueeze(1) - torch.arange(self.answers, 0, -1, device=draws.device)
        told = bits.gather(1, at.clamp(min=0)).where(at >= 0, -100)
        return Batch(bits.unsqueeze(2).float(), told, lengths)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(outputs.transpose(1, 2), targets)

    def errors(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return ((outputs.argmax(2) != targets) & (targets >= 0)).any(1)

    def at_length(self, seq_len: int) -> Self:
        return replace(self, seq_len=seq_len)


def model() -> SequenceModel:
    torch.manual_seed(0)
    return SequenceModel(partial(GRUCell, hidden_size=5), 1, 2).double()


@pytest.mark.parametrize("answers", [1, 4])
def test_the_gradient_of_a_batch_is_that_of_its_sequences(answers: int) -> None:
    """4 answers are more than a sequence of 2 or 3 steps has."""
    task, network = LastBit(9, answers), model()
    batch = Stream(task, 12, 0, "train").batch(0, dtype=torch.float64)
    assert batch.lengths is not None
    assert batch.lengths.min() < 4 < batch.lengths.max()
    loss, *_ = Gradient(network, task, NoClip())(batch)
    found = [weight.grad for weight in network.parameters()]
    network.zero_grad()
    total, count = torch.zeros((), dtype=torch.float64), 0
    for shown, told, length in zip(
        batch.inputs, batch.targets, batch.lengths.tolist(), strict=True
    ):
        asked = told[told >= 0]
        assert len(asked) == min(length, answers)
        outputs, _ = network(shown[None, :length])
        total = total + F.cross_entropy(outputs[0, -len(asked) :], asked, reduction="sum")
        count += len(asked)
    (total / count).backward()
    torch.testing.assert_close(loss, total.detach() / count, rtol=0, atol=1e-12)
    for given, weight in zip(found, network.parameters(), strict=True):
        torch.testing.assert_close(given, weight.grad, rtol=0, atol=1e-12)


def test_a_test_scores_the_last_bit_of_each_length() -> None:
    """By the rule that the answer is the input, which a readout of x_t alone gives: no sequence is wrong."""

    class Now(SequenceModel):
        """Gives x_t itself at the last step of each row, found by hand."""

        def forward(self, inputs: Tensor, *, last: int, lengths: Tensor) -> Any:  # pyrefly: ignore
            assert last == 1
            x = torch.stack([row[int(n) - 1] for row, n in zip(inputs, lengths, strict=True)])
            return torch.cat([-9 * x + 4.5, 9 * x - 4.5], dim=1).unsqueeze(1), []

    network = Now(partial(GRUCell, hidden_size=2), 1, 2)
    found = Evaluation(LastBit(), EvalSettings(400, 100, 150, lengths=[20])).test(network)
    assert found["test/error"] == found["length/20/error"] == 0


def test_streams_give_the_lengths_of_each_batch() -> None:
    stream = Stream(LastBit(), 5, 3, "train")
    for step, batch in enumerate(stream.batches(0, 6)):
        alone = stream.batch(step)
        assert batch.lengths is not None
        assert all(torch.equal(*pair) for pair in zip(batch, alone, strict=True))
    inputs, targets, lengths = batch
    assert (inputs.shape, targets.shape, lengths.shape) == ((5, 9, 1), (5, 1), (5,))


def test_the_task_keeps_to_the_contract() -> None:
    check_task(LastBit())


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        (lambda n: n + 9, r"sample gave lengths from \d+ to \d+; wanted: 1 to 9, the steps"),
        (lambda n: n * 0, "sample gave lengths from 0 to 0"),
        (lambda n: n.float(), r"sample gave lengths a tensor \(7,\) of torch.float32"),
        (lambda n: n[:, None], r"sample gave lengths a tensor \(7, 1\)"),
        (lambda n: n[:1].expand(len(n)), "sample gave another sequence"),
        (lambda n: None if len(n) < 7 else n, "lengths in every batch, or in none"),
    ],
)
def test_other_lengths_are_refused(lengths: Any, message: str) -> None:
    class Mistaken(LastBit):
        def sample(self, draws: Draws) -> Batch:
            batch = super().sample(draws)
            return Batch(batch.inputs, batch.targets, lengths(batch.lengths))

    with pytest.raises(ContractError, match=message):
        check_task(Mistaken())


def test_what_follows_whole_sequences_is_refused() -> None:
    with pytest.raises(ValueError, match=r"diagnostics: omega follow .*diagnostics=error_by_lag"):
        refuse_counts({"error_by_lag": ErrorByLag(), "omega": Omega()}, LastBit())
    refuse_counts({"error_by_lag": ErrorByLag()}, LastBit())
    with pytest.raises(ValueError, match="regularizer OmegaRegularizer takes the derivative"):
        OmegaRegularizer().refuse_task(LastBit())
    gradient = Gradient(model(), LastBit(), NoClip(), regularizer=OmegaRegularizer())
    with pytest.raises(ValueError, match="lengths of the batch"):
        gradient(Stream(LastBit(), 3, 0, "train").batch(0, dtype=torch.float64))


def test_error_by_lag_looks_at_the_last_steps_of_each() -> None:
    """Oracle: the errors of `Evaluation`, on the same sequences."""
    probe = Probe(model(), LastBit(9, 2), seed=0)
    found = ErrorByLag(50)
    task = probe.task

    class Seen(LastBit):
        def position_errors(self, outputs: Tensor, targets: Tensor) -> Tensor:
            return outputs.argmax(2) != targets

    probe.task = Seen(task.seq_len, 2)
    batch = probe.batch(50)
    assert batch.lengths is not None
    wrong = 0
    for shown, told, length in zip(
        batch.inputs, batch.targets, batch.lengths.tolist(), strict=True
    ):
        outputs, _ = probe.model(shown[None, :length], last=1)
        wrong += int(outputs.argmax() != told[-1])
    assert found.measure(probe).metrics["error/last_position"] == wrong / 50


def test_memory_is_tried_with_lengths() -> None:
    network = model()
    footprint = Footprint(network, LastBit(40), torch.device("cpu"), torch.float64, torch.no_grad)
    assert footprint.of_evaluation(8)(40) >= 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "more",
    [
        (),
        ("train.tbptt=3",),
        ("train.recompute_steps=4",),
        ("model.num_layers=2", "model.dropout=0.1"),
    ],
    ids=str,
)
def test_the_command_trains_on_utterances_of_their_own_lengths(
    command: Command, home: Path, more: tuple[str, ...]
) -> None:
    few = ("train.steps=40", "train.block=20", "train.val_every=40", "diagnostics=error_by_lag")
    done = command("task=japanese_vowels", "task.lengths=true", "cell=gru", *few, *more)
    assert done.status == 0, done.err
    found = result_of(home).metrics
    assert 0 < found["test/loss"] < found["test/loss"] / found["test/loss_over_chance"]


@pytest.mark.slow
def test_the_command_refuses_what_follows_whole_sequences(command: Command) -> None:
    done = command("task=japanese_vowels", "task.lengths=true", *QUICK[:-1])
    assert done.status == 2
    assert "diagnostics: gradient_by_lag, " in done.err
    assert "Traceback" not in done.err
