"""Induction heads. Oracle: the definition, read symbol by symbol."""

import inspect
import math
from collections import Counter

import pytest
import torch

from rnnlab.tasks import Draws, Part, check_task
from rnnlab.tasks.induction_heads import InductionHeads
from rnnlab.tasks.philox import by_torch
from tests.support.draws import draws

TASKS = [InductionHeads(3, 2), InductionHeads(9, 4), InductionHeads()]
every_task = pytest.mark.parametrize("task", TASKS, ids=str)


def answer(shown: list[str]) -> str:
    """What follows the first trigger, which comes once more, at the end."""
    assert shown.count("!") == 2
    assert shown[-1] == "!"
    return shown[shown.index("!") + 1]


def read(task: InductionHeads, inputs: torch.Tensor) -> list[list[str]]:
    assert torch.equal(inputs.sum(2), torch.ones(inputs.shape[:2]))
    names = [*task.class_names, "!"]
    return [[names[n] for n in row] for row in inputs.argmax(2).tolist()]


@every_task
def test_the_answer_is_the_definition(task: InductionHeads) -> None:
    batch = task.sample(draws(300))
    rows = read(task, batch.inputs)
    assert [[int(answer(shown))] for shown in rows] == batch.targets.tolist()
    lags = [task.seq_len - 1 - shown.index("!") for shown in rows]
    assert task.lags(batch).tolist() == lags
    if task.seq_len < 20:
        assert set(lags) == set(range(2, task.seq_len))  # anywhere that a symbol follows


def test_the_worked_example() -> None:
    """Oracle: the docstring."""
    lines = [line.split() for line in inspect.getdoc(InductionHeads).splitlines()]  # pyrefly: ignore
    (shown,) = (line[1:10] for line in lines if line[:1] == ["input"])
    (target,) = (line[1:] for line in lines if line[:1] == ["target"])
    assert [answer(shown)] == target


def test_symbols_and_places_are_equally_likely() -> None:
    """Within 4.5 standard deviations, of 8000 sequences."""
    task, count = InductionHeads(10, 4), 8000
    batch = task.sample(draws(count))
    for values, kinds in ((batch.targets.flatten(), 4), (task.lags(batch), 8)):
        p, seen = 1 / kinds, Counter(values.tolist())
        assert len(seen) == kinds
        assert all(abs(n - count * p) < 4.5 * (count * p * (1 - p)) ** 0.5 for n in seen.values())


def test_chance() -> None:
    """Closed form, and by the blind answer: all equal, where the first of equals is told."""
    task = InductionHeads(10, 4)
    targets = task.sample(draws(4000)).targets
    blind = torch.zeros(4000, 1, 4)
    assert (
        task.loss(blind, targets).item() == pytest.approx(task.chance) == pytest.approx(math.log(4))
    )
    wrong = task.errors(blind, targets).double()
    assert abs(wrong.mean() - task.chance_error) < 4 * wrong.std() / 4000**0.5
    assert task.chance_accuracy == 0.25


@every_task
def test_a_task_is_one(task: InductionHeads, monkeypatch: pytest.MonkeyPatch) -> None:
    check_task(task)
    batch, alone = task.sample(draws(10)), task.sample(Draws(0, "test", [Part(0, 7, 1)]))
    monkeypatch.setattr("rnnlab.tasks.philox.by_numpy", by_torch)
    for whole, one, other in zip(batch, alone, task.sample(draws(10)), strict=True):
        assert torch.equal(whole[7:8], one)
        assert torch.equal(whole, other)


@pytest.mark.parametrize(("name", "value"), [("seq_len", 2), ("seq_len", 9.0), ("num_symbols", 1)])
def test_refuses(name: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"{name}={value}"):
        InductionHeads(**{name: value})
