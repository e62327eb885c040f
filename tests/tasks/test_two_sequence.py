"""Tasks 2a to 2c. Oracle: the sequences of the paper's definition, written symbol by symbol."""

import math
from collections import Counter

import pytest
import torch

from rnnlab.tasks.two_sequence import TwoSequence
from tests.support.draws import draws


def whole(task: TwoSequence, number: int = 0, count: int = 200) -> list[list[str]]:
    """Sequences with their last symbol, by their symbols' names."""
    inputs, targets = task.sample(draws(count, batch=number))
    assert torch.equal(inputs.sum(2), torch.ones(inputs.shape[:2]))
    shown = [f"a{n + 1}" for n in range(task.distractors)]
    shown += ["e", "b", "x", "y"] if task.variant == "2c" else ["x", "y"]
    names = task.class_names
    rows = zip(inputs.argmax(2).tolist(), targets.tolist(), strict=True)
    return [[shown[n] for n in row] + [names[target[-1]]] for row, target in rows]


def test_2a() -> None:
    """Two sequences, each about as often; every target is the next symbol."""
    task = TwoSequence(4)
    found = Counter(" ".join(row) for row in whole(task))
    assert set(found) == {"x a1 a2 a3 x", "y a1 a2 a3 y"}
    assert abs(found["x a1 a2 a3 x"] - 100) < 4 * 50**0.5
    inputs, targets = task.sample(draws(50))
    assert torch.equal(inputs.argmax(2)[:, 1:], targets[:, :-1])
    assert (task.input_size, task.output_size) == (5, 5)


def test_2b() -> None:
    """Any p - 1 of the p - 1 symbols between, all sequences of p = 3 being there."""
    found = Counter(" ".join(row) for row in whole(TwoSequence(3, "2b"), count=2000))
    middle = [f"a{i} a{j}" for i in (1, 2) for j in (1, 2)]
    expected = {f"{end} {between} {end}" for end in "xy" for between in middle}
    assert set(found) == expected
    assert all(abs(found[each] - 250) < 4.5 * 250**0.5 for each in expected)


@pytest.mark.parametrize(("delay", "count"), [(3, None), (5, 2)])
def test_2c(delay: int, count: int | None) -> None:
    """b, x or y, at least q distractors, e, and the second symbol again."""
    task = TwoSequence(delay, "2c", count)
    used = set()
    for number in range(20):
        for first, kind, *between, end, last in whole(task, number, 20):
            assert (first, end) == ("b", "e")
            assert kind == last
            assert len(between) >= delay
            used |= {*between, kind}
    assert used == {"x", "y"} | {f"a{n + 1}" for n in range(count or delay)}
    assert (task.input_size, task.output_size) == ((count or delay) + 4, 2)


def test_lengths_of_2c() -> None:
    """k more distractors with probability (9/10)^k / 10, of which the mean is 9: in 800 batches, within 4 deviations."""
    task = TwoSequence(1, "2c", 1)
    more = [task.sample(draws(1, batch=n)).inputs.shape[1] - task.seq_len for n in range(800)]
    assert min(more) == 0
    assert abs(sum(more) / 800 - 9) < 4 * (90 / 800) ** 0.5
    for least in (1, 5, 20):
        likely = 0.9**least
        above = sum(k >= least for k in more) / 800
        assert abs(above - likely) < 4 * (likely * (1 - likely) / 800) ** 0.5


def test_chance_by_hand() -> None:
    """p = 3 has 4 units and 3 steps: at the last two of 1/4; in 2b two units of 1/4 at the others besides."""
    assert TwoSequence(3).chance == pytest.approx(0.5 / 12)
    assert TwoSequence(3, "2b").chance == pytest.approx((2 * 0.5 + 0.5) / 12)
    assert TwoSequence(3, "2c").chance == 0.25


def test_which_steps_decide() -> None:
    """A unit that is off by more than 0.25 at the first step: wrong in 2a, not looked at in 2b."""
    for variant, wrong in (("2a", True), ("2b", False)):
        task = TwoSequence(3, variant)
        targets = torch.tensor([[0, 1, 2]])
        outputs = torch.full((1, 3, 4), -9.0)
        outputs[0, [0, 1, 2], [0, 1, 2]] = 9.0
        assert task.errors(outputs, targets).tolist() == [False]
        outputs[0, 0, 0] = 0.0
        assert task.errors(outputs, targets).tolist() == [wrong]


@pytest.mark.parametrize(("variant", "tolerance"), [("2a", 0.25), ("2b", 0.25), ("2c", 0.2)])
def test_tolerance(variant: str, tolerance: float) -> None:
    task = TwoSequence(2, variant)
    targets = torch.zeros(1, 1 if variant == "2c" else 2, dtype=torch.int64)
    for off, wrong in ((tolerance - 0.01, False), (tolerance + 0.01, True)):
        outputs = torch.full((1, targets.size(1), task.output_size), -9.0)
        outputs[:, :, 0] = math.log((1 - off) / off)
        assert task.errors(outputs, targets).tolist() == [wrong]


def test_lags() -> None:
    """From x or y on."""
    task = TwoSequence(7)
    assert task.lags(task.sample(draws(2))).tolist() == [6, 6]
    task = TwoSequence(7, "2c")
    batch = task.sample(draws(2))
    assert task.lags(batch).tolist() == [batch.inputs.shape[1] - 2] * 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"variant": "2d"}, "variant=2d is not allowed"),
        ({"delay": 1}, "delay=1 is too small: at least 2"),
        ({"delay": 0, "variant": "2c"}, "delay=0 is too small: at least 1"),
        ({"num_distractors": 5}, "num_distractors=5 is of variant=2c alone"),
        ({"num_distractors": 0, "variant": "2c"}, "num_distractors=0 is too small: at least 1"),
        ({"delay": True}, "delay=True"),
    ],
)
def test_refuses(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TwoSequence(**arguments)
    with pytest.raises(ValueError, match="seq_len=3 is too short for variant=2c: at least 4"):
        TwoSequence(variant="2c").at_length(3)


def test_a_length_of_other_symbols_is_refused() -> None:
    """2a has p + 1 symbols for p steps; of 2c the number may be set."""
    for task in (TwoSequence(delay=5), TwoSequence(delay=5, variant="2b"), TwoSequence(5, "2c")):
        assert task.at_length(task.seq_len) == task
        with pytest.raises(ValueError, match="a model reads those that it was made for"):
            task.at_length(40)
    assert TwoSequence(5, "2c", num_distractors=3).at_length(40).seq_len == 40
