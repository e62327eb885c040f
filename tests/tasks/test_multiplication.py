"""Oracle: the protocols enumerated in exact fractions, and products by a loop."""

import math
from collections import Counter
from fractions import Fraction

import pytest
import torch

from rnnlab.tasks.multiplication import Multiplication
from tests.support.draws import draws

VARIANTS = ("pascanu2013", "hochreiter1997")


def product(sequence: list[list[float]]) -> float:
    """The target of one sequence of (number, marker), by a loop."""
    found = 1.0
    for number, marker in sequence:
        if marker == 1:
            found *= number
    return found


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("seq_len", [11, 27])
def test_sequences_by_brute_force(variant: str, seq_len: int) -> None:
    """Lengths, the ranges of marks, what frames a sequence, and the products."""
    lengths = set()
    for number in range(30):
        inputs, targets = Multiplication(seq_len, variant).sample(draws(60, batch=number))
        length = inputs.shape[1]
        lengths.add(length)
        for sequence, target in zip(inputs.tolist(), targets.flatten().tolist(), strict=True):
            assert target == pytest.approx(product(sequence), abs=1e-6)
            marked = [step for step, (_, marker) in enumerate(sequence) if marker == 1]
            assert len(marked) == 2
            others = {step: m for step, (_, m) in enumerate(sequence) if m not in (0, 1)}
            if variant == "pascanu2013":
                assert marked[0] < length // 10 <= marked[1] < length // 2
                assert others == {}
                assert all(0 <= value < 1 for value, _ in sequence)
            else:
                assert min(marked) < 10
                assert max(marked) < max(10, seq_len // 2)
                assert others == {step: -1 for step in (0, length - 1) if step not in marked}
                ones = [step for step, (value, _) in enumerate(sequence) if value == 1]
                assert len(ones) == (0 in marked)
                assert set(ones) <= set(marked)
    beyond = Fraction(11 * seq_len, 10)
    most = math.ceil(beyond) - 1 if variant == "pascanu2013" else math.floor(beyond)
    assert lengths == set(range(seq_len, most + 1))


def test_worked_example() -> None:
    assert product([[0.3, 0], [0.9, 1], [0.5, 0], [0.1, 0], [0.6, 1], [0.2, 0]]) == 0.54
    assert product([[1.0, 1], [0.8, 0], [0.5, 0], [0.6, 1], [0.2, -1]]) == 0.6


@pytest.mark.parametrize(("seq_len", "first_marked"), [(11, Fraction(13, 40)), (100, None)])
def test_chance_of_hochreiter1997(seq_len: int, first_marked: Fraction | None) -> None:
    """Moments in exact fractions, over the enumerated pairs of marks."""
    steps = seq_len // 2 - 1
    zero = sum(
        Fraction(1, 10 * steps)
        for first in range(10)
        for second in [step for step in range(seq_len) if step != first][:steps]
        if 0 in (first, second)
    )
    assert first_marked in (None, zero)
    mean = (1 - zero) * Fraction(1, 4) + zero * Fraction(1, 2)
    square = (1 - zero) * Fraction(1, 9) + zero * Fraction(1, 3)
    task = Multiplication(seq_len, "hochreiter1997")
    assert task.chance == pytest.approx(float(square - mean**2))


def test_chance_of_pascanu2013() -> None:
    """7/144; and of two uniform numbers 39.05 % have a product off 1/4 by more than 0.2, by a grid of 4 million."""
    task = Multiplication()
    assert task.chance == pytest.approx(7 / 144)
    grid = (torch.arange(2000) + 0.5) / 2000
    off = (grid[:, None] * grid - 0.25).abs() > 0.2
    assert task.chance_error == pytest.approx(off.double().mean().item(), abs=2e-4)
    assert task.chance_error == pytest.approx(0.3905, abs=5e-5)


def test_what_is_wrong() -> None:
    targets = torch.full((5, 1, 1), 0.5)
    outputs = torch.tensor([0.5, 0.53, 0.55, 0.69, 0.71]).view(5, 1, 1)
    assert Multiplication().errors(outputs, targets).tolist() == [False] * 4 + [True]
    strict = Multiplication(variant="hochreiter1997").errors(outputs, targets)
    assert strict.tolist() == [False, False, True, True, True]


def test_lags() -> None:
    """From the first marked step to the last."""
    task = Multiplication(25)
    batch = task.sample(draws(100))
    expected = [
        len(sequence) - 1 - next(step for step, (_, m) in enumerate(sequence) if m == 1)
        for sequence in batch.inputs.tolist()
    ]
    assert task.lags(batch).tolist() == expected
    assert len(Counter(expected)) > 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"variant": "arjovsky2016"}, "variant=arjovsky2016 is not allowed"),
        ({"seq_len": 9}, "seq_len=9 is too short for variant=pascanu2013: at least 10"),
        ({"seq_len": 10, "variant": "hochreiter1997"}, "seq_len=10 .*: at least 11"),
        ({"seq_len": 12.5}, "seq_len=12.5"),
    ],
)
def test_refuses(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Multiplication(**arguments)
