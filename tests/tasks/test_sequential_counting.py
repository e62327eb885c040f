"""Oracle: the strings written down, and which symbols may follow told from all strings of the language."""

import math

import pytest
import torch
from torch import Tensor

from rnnlab.tasks.sequential_counting import SequentialCounting
from tests.support.draws import draws

TASKS = [SequentialCounting(9), SequentialCounting(12), SequentialCounting(13, 3)]
LETTERS = "abc"


def string(n: int, num_symbols: int) -> str:
    return "S" + "".join(letter * n for letter in LETTERS[:num_symbols])


def following(n: int, num_symbols: int) -> list[set[str]]:
    """What comes after each beginning of a string, in any string of the language: n up to 60 tells it."""
    language = [string(m, num_symbols) + "T" for m in range(1, 60)]
    own = string(n, num_symbols)
    starts = [own[: step + 1] for step in range(len(own))]
    return [{s[len(start)] for s in language if s.startswith(start)} for start in starts]


def expected(task: SequentialCounting, n: int) -> Tensor:
    names = LETTERS[: task.num_symbols] + "T"
    rows = [[float(name in sets) for name in names] for sets in following(n, task.num_symbols)]
    return torch.tensor(rows + [[0.0] * len(names)] * (task.seq_len - len(rows)))


@pytest.mark.parametrize("task", TASKS, ids=str)
def test_sequences_by_brute_force(task: SequentialCounting) -> None:
    inputs, targets = task.sample(draws(200))
    seen = set()
    for shown, told in zip(inputs, targets, strict=True):
        assert shown.sum(1).max() == 1
        text = "".join(
            ("S" + LETTERS)[int(row.argmax())] if row.any() else "." for row in shown
        ).rstrip(".")
        n = text.count("a")
        assert text == string(n, task.num_symbols)
        assert torch.equal(told, expected(task, n))
        seen.add(n)
    assert seen == set(range(1, (task.seq_len - 1) // task.num_symbols + 1))


def test_worked_example() -> None:
    assert following(3, 2) == [{"a"}, {"a", "b"}, {"a", "b"}, {"a", "b"}, {"b"}, {"b"}, {"T"}]


@pytest.mark.parametrize("task", TASKS, ids=str)
def test_chance_by_enumeration(task: SequentialCounting) -> None:
    """The loss of the best blind answer to all strings at once, the weighted mean of their targets."""
    largest = (task.seq_len - 1) // task.num_symbols
    targets = torch.stack([expected(task, n) for n in range(1, largest + 1)])
    asked = targets.any(2).double()
    weights = asked / asked.sum(1, keepdim=True)
    total = weights.sum(0).clamp(min=1e-12)[:, None]
    mean = (weights[:, :, None] * targets).sum(0) / total
    outputs = torch.special.logit(mean.clamp(1e-9, 1 - 1e-9)).expand(targets.shape)
    assert task.loss(outputs, targets.double()).item() == pytest.approx(task.chance, rel=1e-6)
    assert task.errors(outputs, targets).double().mean().item() == task.chance_error
    for step in (-0.05, 0.05):
        assert task.loss(outputs + step, targets.double()) > task.chance


def test_what_is_wrong() -> None:
    """One symbol at one step of the string; what comes behind it does not matter."""
    task = SequentialCounting(9)
    targets = torch.stack([expected(task, 2)] * 4)
    outputs = 20 * targets - 10
    outputs[1, 3, 0] = 1.0  # an a after a b
    outputs[2, 0, 0] = -1.0  # no a at first
    outputs[3, 6:] = math.nan  # behind the string
    assert task.errors(outputs, targets).tolist() == [False, True, True, False]


def test_lags() -> None:
    """From the first letter of a string to its last: 2 n - 1."""
    task = SequentialCounting(13)
    batch = task.sample(draws(100))
    counts = batch.inputs[:, :, 1].sum(1)
    assert task.lags(batch).tolist() == (2 * counts - 1).tolist()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_symbols": 4}, "num_symbols=4 is too large: at most 3"),
        ({"num_symbols": 1}, "num_symbols=1 is too small: at least 2"),
        ({"seq_len": 4}, "seq_len=4 is too short for num_symbols=2: at least 5"),
        ({"seq_len": 6, "num_symbols": 3}, "seq_len=6 is too short for num_symbols=3: at least 7"),
        ({"seq_len": 7.0}, "seq_len=7.0"),
    ],
)
def test_refuses(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SequentialCounting(**arguments)
