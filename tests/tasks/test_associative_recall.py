"""Multi-query associative recall. Oracles: a dictionary, and the weights of the places by enumeration."""

import inspect
import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch

from rnnlab.tasks import Draws, Part, check_task
from rnnlab.tasks.associative_recall import AssociativeRecall
from rnnlab.tasks.philox import by_torch
from tests.support.draws import draws

TASKS = [
    AssociativeRecall(),
    AssociativeRecall(4, 1, 1, 2),
    AssociativeRecall(8, 2, 3, 3, power=1.0),
    AssociativeRecall(15, 3, 5, 4),
    AssociativeRecall(40, 3, 9, 9, random_fill=True),
]
every_task = pytest.mark.parametrize("task", TASKS, ids=str)
UNASKED = -100


def answers(shown: list[int], pairs: int) -> dict[int, int]:
    """By a dictionary: what each key that is asked for again has for a value, by step."""
    told = dict(zip(shown[0 : 2 * pairs : 2], shown[1 : 2 * pairs : 2], strict=True))
    assert len(told) == len(set(told.values())) == pairs
    places = range(2 * pairs, len(shown) - 1, 2)
    return {step: told[shown[step]] for step in places if shown[step] in told}


@every_task
def test_the_answers_are_the_definition(task: AssociativeRecall) -> None:
    inputs, targets = task.sample(draws(200))
    assert torch.equal(inputs.sum(2), torch.ones(inputs.shape[:2]))
    assert targets.shape == (200, task.seq_len - 2 * task.num_pairs)
    first = 1 + task.num_keys  # the number of the first value
    for shown, target in zip(inputs.argmax(2).tolist(), targets.tolist(), strict=True):
        context = shown[: 2 * task.num_pairs]
        assert all(1 <= key < first for key in context[::2])
        assert all(first <= value < task.input_size for value in context[1::2])
        asked = {n + len(context): t + first for n, t in enumerate(target) if t != UNASKED}
        assert len(asked) == task.num_pairs == len({shown[step] for step in asked})
        found = answers(shown, task.num_pairs)
        if task.random_fill:  # where a key may also stand by chance
            assert asked.items() <= found.items()
        else:
            assert asked == found
            assert all(s == 0 for n, s in enumerate(shown) if n >= len(context) and n not in asked)


def test_the_worked_example() -> None:
    """Oracle: the docstring, of which small letters are keys and large ones values."""
    lines = [line.split() for line in inspect.getdoc(AssociativeRecall).splitlines()]  # pyrefly: ignore
    (shown,) = (line[1:13] for line in lines if line[:1] == ["input"])
    (target,) = (line[1:] for line in lines if line[:1] == ["target"])
    letters = ".abCD"
    found = answers([letters.index(s) for s in shown], 2)
    told = [letters[found[step]] if step in found else "." for step in range(4, 12)]
    assert told == target
    assert len(target) == 12 - 2 * 2


@pytest.mark.parametrize("power", [0.01, 0.5, 1.0])
def test_the_places_by_their_weights(power: float) -> None:
    """Oracle: both places of two queries by enumeration, one after the other among those left; 5 deviations."""
    task, count = AssociativeRecall(12, 2, 2, 2, power=power), 20_000
    weights = np.arange(1, 5) ** (power - 1)
    expected = np.zeros(4)
    for a, b in itertools.permutations(range(4), 2):
        p = weights[a] / weights.sum() * weights[b] / (weights.sum() - weights[a])
        expected[[a, b]] += p
    asked = task.sample(draws(count)).targets[:, ::2] != UNASKED
    shares = asked.double().mean(dim=0).numpy()
    assert (abs(shares - expected) < 5 * (expected * (1 - expected) / count) ** 0.5).all()


@every_task
def test_levels(task: AssociativeRecall) -> None:
    """Oracle: all values alike, of which the first is told: right once in as many as there are values."""
    count = 2000
    targets = task.sample(draws(count)).targets
    blind = torch.zeros(*targets.shape, task.num_values)
    assert task.loss(blind, targets).item() == pytest.approx(math.log(task.num_values), rel=1e-5)
    assert task.chance == pytest.approx(math.log(task.num_values))
    measured = {task.chance_accuracy: task.accuracy(blind, targets)}
    measured[task.chance_error] = task.errors(blind, targets)
    for level, values in measured.items():
        assert values is not None
        error = values.double().std().item() / count**0.5
        assert abs(values.double().mean().item() - level) <= 4 * error + 1e-6


def test_scores_by_hand() -> None:
    """Two queries, of which the second is told wrongly; what is said elsewhere does not count."""
    task = AssociativeRecall(8, 2, 2, 3)
    targets = torch.tensor([[2, UNASKED, 0, UNASKED]])
    outputs = torch.zeros(1, 4, 3)
    outputs[0, 0, 2], outputs[0, 1, 1], outputs[0, 2, 1] = 9.0, math.nan, math.log(2)
    assert task.errors(outputs, targets).tolist() == [True]
    assert task.position_errors(outputs, targets).tolist() == [[False, True]]
    assert task.accuracy(outputs, targets).tolist() == [0.5]  # pyrefly: ignore
    assert task.off_by(outputs, targets)[0, 1].tolist() == pytest.approx([-0.75, 0.5, 0.25])
    right = torch.zeros(1, 4, 3)
    loss = task.loss(right.scatter(2, targets.clamp(min=0).unsqueeze(2), math.log(2)), targets)
    assert loss.item() == pytest.approx(math.log(2))  # softmax: 1/2 1/4 1/4


def test_rows_of_unequal_answers_are_refused() -> None:
    """As the last steps alone may have, where one row would get the answers of another."""
    targets = torch.tensor([[2, 0, UNASKED], [UNASKED, UNASKED, UNASKED]])
    for scored in (
        AssociativeRecall(8, 2, 2, 3).position_errors,
        AssociativeRecall(8, 2, 2, 3).off_by,
    ):
        with pytest.raises(
            ValueError, match=r"sequences have \[2, 0\] answers, and all must have as"
        ):
            scored(torch.zeros(2, 3, 3), targets)


@every_task
def test_a_task_is_one(task: AssociativeRecall, monkeypatch: pytest.MonkeyPatch) -> None:
    check_task(task)
    batch, alone = task.sample(draws(10)), task.sample(Draws(0, "test", [Part(0, 7, 1)]))
    monkeypatch.setattr("rnnlab.tasks.philox.by_numpy", by_torch)
    for whole, one, other in zip(batch, alone, task.sample(draws(10)), strict=True):
        assert torch.equal(whole[7:8], one)
        assert torch.equal(whole, other)
    assert task.at_length(41).sample(draws(2)).inputs.shape[1] == 41


REFUSED: dict[str, dict[str, Any]] = {
    "num_pairs=0": {"num_pairs": 0},
    "seq_len=15 is too short for num_pairs=4: at least 16": {"seq_len": 15},
    "seq_len=64.0": {"seq_len": 64.0},
    "num_keys=3": {"num_keys": 3},
    "num_values=3": {"num_values": 3},
    "num_values=1": {"num_pairs": 1, "num_values": 1},
    "power=0": {"power": 0},
    "random_fill=1": {"random_fill": 1},
}


@pytest.mark.parametrize("message", REFUSED)
def test_refuses(message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AssociativeRecall(**REFUSED[message])
