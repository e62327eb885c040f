"""Delayed exclusive or, and delayed parity. Oracle: the bits counted one by one."""

import math

import pytest
import torch

from rnnlab.tasks.bit_stream import parity
from rnnlab.tasks.delayed_parity import DelayedParity
from rnnlab.tasks.delayed_xor import DelayedXOR
from tests.support.draws import draws


def halves(values: list[int]) -> int:
    """The hierarchy of exclusive ors: of the first half's and of the second half's."""
    if len(values) == 1:
        return values[0]
    middle = len(values) // 2
    return halves(values[:middle]) ^ halves(values[middle:])


@pytest.mark.parametrize(("delay", "levels"), [(1, 1), (5, 1), (3, 2), (1, 3)])
def test_delayed_xor(delay: int, levels: int) -> None:
    """Of the inputs d, 2 d, ... steps before, from the first step that has all of them."""
    task = DelayedXOR(delay, 7, levels)
    inputs, targets = task.sample(draws(60))
    for shown, told in zip(inputs[:, :, 0].tolist(), targets[:, :, 0].tolist(), strict=True):
        assert {0, 1} >= set(shown)
        steps = range(2**levels * delay, len(shown))
        lags = [delay * n for n in range(1, 2**levels + 1)]
        assert told == [halves([int(shown[t - lag]) for lag in lags]) for t in steps]
        assert len(told) == 7


@pytest.mark.parametrize(("delay", "num_bits"), [(1, 2), (2, 3), (6, 5)])
def test_delayed_parity(delay: int, num_bits: int) -> None:
    """Whether an odd number of the bits from `delay` steps before on are 1."""
    task = DelayedParity(delay, num_bits=num_bits, num_answers=7)
    inputs, targets = task.sample(draws(60))
    for shown, told in zip(inputs[:, :, 0].tolist(), targets[:, :, 0].tolist(), strict=True):
        assert {-1, 1} >= set(shown)
        steps = range(delay + num_bits - 1, len(shown))
        before = [[shown[t - delay - i] for i in range(num_bits)] for t in steps]
        assert told == [bits.count(1) % 2 for bits in before]
        assert len(told) == 7


def test_worked_examples() -> None:
    bits = torch.tensor([[1, 0, 1, 1, 1, 0, 1]])
    assert parity(bits, range(2, 5, 2), 3).tolist() == [[0, 1, 0]]
    signs = torch.tensor([[1, 0, 0, 1, 1, 0, 1]])
    assert parity(signs, range(2, 5), 3).tolist() == [[1, 1, 0]]


def test_scores_by_hand() -> None:
    """The loss is ln 2 without a bias; the last answer decides, and the share of all is the accuracy."""
    task = DelayedXOR(1, 4)
    targets = torch.tensor([[1.0, 0, 1, 0], [1, 0, 1, 0]]).unsqueeze(2)
    assert task.loss(torch.zeros(2, 4, 1), targets).item() == pytest.approx(math.log(2))
    outputs = torch.tensor([[9.0, 9, 9, -9], [9, -9, 9, 9]]).unsqueeze(2)
    assert task.errors(outputs, targets).tolist() == [False, True]
    accuracy = task.accuracy(outputs, targets)
    assert accuracy is not None
    assert accuracy.tolist() == [0.75, 0.75]
    assert task.position_errors(outputs, targets).tolist()[0] == [False, True, False, False]
    assert task.probabilities(torch.zeros(1, 1, 1)).item() == 0.5


def test_sizes() -> None:
    """As published: a delay of 10 and 300 steps."""
    assert DelayedXOR(10, 280).seq_len == 300
    assert DelayedXOR(10, 280).at_length(300) == DelayedXOR(10, 280)
    assert DelayedParity(10, num_bits=3, num_answers=80).seq_len == 92
    with pytest.raises(
        ValueError, match="seq_len=20 is too short for delay=10 and levels=1: at le"
    ):
        DelayedXOR().at_length(20)
    with pytest.raises(ValueError, match="seq_len=12 is too short for delay=10 and num_bits=3: a"):
        DelayedParity().at_length(12)


@pytest.mark.parametrize(
    ("cls", "name", "value"),
    [
        *((DelayedXOR, name, 0) for name in ("delay", "num_answers", "levels")),
        *((DelayedParity, name, 0) for name in ("delay", "num_answers")),
        (DelayedParity, "num_bits", 1),
        (DelayedXOR, "levels", 11),
        (DelayedXOR, "delay", 1.5),
    ],
)
def test_refuses(cls: type, name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name}={value}"):
        cls(**{name: value})
