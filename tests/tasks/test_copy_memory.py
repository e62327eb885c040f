"""Oracle: the sequence written down symbol by symbol, and cross-entropies by hand."""

import math
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from rnnlab.tasks.copy_memory import CopyMemory
from tests.support.draws import draws

TASK = CopyMemory(delay=5, num_symbols=3, copy_len=3)


def decode(task: CopyMemory, inputs: torch.Tensor) -> list[str]:
    alphabet = ".123456789"[: task.num_symbols + 1] + "!"
    return ["".join(alphabet[i] for i in row.nonzero()[:, 1].tolist()) for row in inputs]


@pytest.mark.parametrize("task", [TASK, CopyMemory(1, 2, 1), CopyMemory(20, 8, 10)], ids=str)
def test_sequences_by_brute_force(task):
    inputs, targets = task.sample(draws(200))
    assert torch.equal(inputs.sum(2), torch.ones(200, task.seq_len))
    for shown, target in zip(decode(task, inputs), targets.tolist(), strict=True):
        symbols = shown[: task.copy_len]
        assert set(symbols) <= set("123456789"[: task.num_symbols])
        assert shown == symbols + "." * (task.delay - 1) + "!" + "." * task.copy_len
        marker = shown.index("!")
        due = {marker + 1 + i: int(symbol) for i, symbol in enumerate(symbols)}
        assert target == [due.get(step, 0) for step in range(task.seq_len)]


def test_worked_example():
    """All 27 sequences of the docstring's sizes come up, its own among them."""
    inputs, targets = TASK.sample(draws(2000))
    found = dict(zip(decode(TASK, inputs), targets.tolist(), strict=True))
    assert len(found) == 27
    assert found["312....!..."] == [0] * 8 + [3, 1, 2]


def test_sizes():
    task = CopyMemory()
    assert (task.seq_len, task.length, task.input_size, task.output_size) == (120, 100, 10, 9)


@pytest.mark.parametrize(
    ("delay", "published"),
    [(100, 0.17329), (200, 0.09452), (300, 0.06498), (500, 0.03999), (1000, 0.02039)],
)
def test_chance_as_published(delay, published):
    """10 ln 8 / (T + 20), of Arjovsky et al. (2016)."""
    assert CopyMemory(delay).chance == pytest.approx(published, abs=5e-6)


def test_symbols_are_uniform_at_every_place():
    task = CopyMemory(1, 4, 3)
    symbols = task.sample(draws(40_000)).targets[:, -3:]
    counts = F.one_hot(symbols, 5).sum(0)
    assert (counts[:, 0] == 0).all()
    deviation = (40_000 * 0.25 * 0.75) ** 0.5
    assert ((counts[:, 1:] - 10_000).abs() < 4.5 * deviation).all()


def test_blanks_recall_nothing():
    """Blank throughout is right at 8 of 11 steps, and counts for nothing."""
    _, targets = TASK.sample(draws(30))
    blanks = 20.0 * F.one_hot(torch.zeros_like(targets), TASK.output_size)
    assert TASK.errors(blanks, targets).all()
    scores = TASK.scores(blanks, targets)
    assert scores.keys() == {"recall", "exact_match"}
    assert all((score == 0).all() for score in scores.values())


def test_scores_by_hand():
    targets = torch.tensor([[0] * 8 + [3, 1, 2]] * 3)
    answers = targets.clone()
    answers[1, -1] = 1  # one symbol of three is wrong
    answers[2, 0] = 1  # a blank is wrong, which is not asked for
    outputs = 20.0 * F.one_hot(answers, 4)
    assert TASK.errors(outputs, targets).tolist() == [False, True, False]
    scores = TASK.scores(outputs, targets)
    torch.testing.assert_close(scores["recall"], torch.tensor([1, 2 / 3, 1]))
    assert scores["exact_match"].tolist() == [1, 0, 1]


def test_loss_by_hand():
    """Uniform outputs cost ln 4 a step; a certain but wrong one costs its margin."""
    targets = torch.tensor([[0] * 8 + [3, 1, 2]])
    uniform = torch.zeros(1, 11, 4)
    assert TASK.loss(uniform, targets).item() == pytest.approx(math.log(4))
    outputs = 50.0 * F.one_hot(targets, 4)
    outputs[0, -1] = torch.tensor([0.0, 50.0, 0.0, 0.0])
    assert TASK.loss(outputs, targets).item() == pytest.approx(50 / 11)


def test_at_length_counts_all_steps():
    assert TASK.at_length(100) == CopyMemory(94, 3, 3)
    with pytest.raises(ValueError, match="seq_len=6 is too short for copy_len=3: at least 7"):
        TASK.at_length(6)
    wrong: list[Any] = [10.5, True, 0]
    for seq_len in wrong:
        with pytest.raises(ValueError, match=f"seq_len={seq_len}"):
            TASK.at_length(seq_len)


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "a", None])
@pytest.mark.parametrize("name", ["delay", "num_symbols", "copy_len"])
def test_refuses(name, value):
    with pytest.raises(ValueError, match=f"{name}={value}.*at least {1 + (name == 'num_symbols')}"):
        CopyMemory(**{name: value})


def test_one_symbol_is_nothing_to_remember():
    with pytest.raises(ValueError, match="num_symbols=1"):
        CopyMemory(num_symbols=1)
