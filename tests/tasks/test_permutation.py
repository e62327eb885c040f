"""Oracle: the sequences read symbol by symbol, and counts against binomial deviations."""

import math

import pytest
import torch

from rnnlab.tasks.permutation import Permutation
from tests.support.draws import draws


def test_sequences_by_brute_force() -> None:
    """The last symbol is the first, 0 or 1; all others are from 2 to 99."""
    task = Permutation(30)
    inputs, targets = task.sample(draws(500))
    assert inputs.shape == (500, 30, 100)
    assert torch.equal(inputs.sum(2), torch.ones(500, 30))
    for symbols, last in zip(inputs.argmax(2).tolist(), targets.tolist(), strict=True):
        assert [symbols[0]] == last
        assert symbols[0] in (0, 1)
        assert all(2 <= symbol <= 99 for symbol in symbols[1:])
    shown = inputs.sum((0, 1))
    assert (shown[2:] > 0).all()
    assert abs(shown[1].item() - 250) < 4 * 125**0.5
    each = 500 * 29 / 98
    assert ((shown[2:] - each).abs() < 5 * each**0.5).all()


def test_levels_and_names() -> None:
    task = Permutation()
    assert (task.chance, task.chance_error) == (math.log(2), 0.5)
    assert (task.input_size, task.output_size) == (100, 100)
    assert task.class_names == tuple(str(n) for n in range(100))


def test_worked_example() -> None:
    """All sequences of a smaller problem come up, each as often: first 0 or 1, then any of 2, 3, 4 twice."""
    inputs, targets = Permutation(3, num_symbols=5).sample(draws(4000))
    rows = zip(inputs.argmax(2).tolist(), targets.tolist(), strict=True)
    found = [(*row, last) for row, (last,) in rows]
    whole = {(v, a, b, v) for v in (0, 1) for a in (2, 3, 4) for b in (2, 3, 4)}
    assert set(found) == whole
    assert all(abs(found.count(each) - 4000 / 18) < 4.5 * (4000 / 18) ** 0.5 for each in whole)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seq_len": 1}, "seq_len=1 is too small: at least 2"),
        ({"num_symbols": 2}, "num_symbols=2 is too small: at least 3"),
        ({"num_symbols": True}, "num_symbols=True"),
    ],
)
def test_refuses(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Permutation(**arguments)
