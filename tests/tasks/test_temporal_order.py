"""Oracle: the alphabet spelled out, the class read off by a loop, the windows in exact fractions."""

import math
from collections import Counter
from fractions import Fraction
from itertools import product

import pytest
import torch
from torch.nn import functional as F

from rnnlab.tasks.temporal_order import TemporalOrder
from tests.support.draws import draws

ALPHABETS = {"pascanu2013": "ABcdef", "hochreiter1997": "EBabcdXY"}
TENTHS = {2: ("1/10", "1/2"), 3: ("1/10", "3/10", "6/10")}
HUNDREDTHS = {2: ("10/100", "50/100"), 3: ("10/100", "33/100", "66/100")}
SLOW = pytest.mark.slow
every_task = pytest.mark.parametrize(
    "task",
    [
        pytest.param(TemporalOrder(t, n, v), marks=marks)
        for t, marks in zip((10, 11, 15, 50, 100), ((), (), (), SLOW, SLOW), strict=True)
        for n in (2, 3)
        for v in ALPHABETS
    ],
    ids=str,
)


def decode(task: TemporalOrder, inputs: torch.Tensor) -> list[str]:
    alphabet = ALPHABETS[task.variant]
    return ["".join(alphabet[i] for i in row.nonzero()[:, 1].tolist()) for row in inputs]


def windows(task: TemporalOrder) -> list[range]:
    if task.variant == "pascanu2013":
        starts = [math.floor(Fraction(s) * task.seq_len) for s in TENTHS[task.num_symbols]]
        return [range(start, start + math.floor(Fraction(task.seq_len, 10))) for start in starts]
    starts = [Fraction(s) * task.seq_len for s in HUNDREDTHS[task.num_symbols]]
    ends = [start + Fraction(task.seq_len, 10) for start in starts]
    return [range(math.floor(a), math.floor(b) + 1) for a, b in zip(starts, ends, strict=True)]


def order(task: TemporalOrder, shown: str) -> tuple[list[int], int]:
    """Where the symbols stand, and the class they make."""
    first, second = "AB" if task.variant == "pascanu2013" else "XY"
    steps, number = [], 0
    for step, letter in enumerate(shown):
        if letter in (first, second):
            number += (letter == second) * 2 ** len(steps)
            steps.append(step)
    return steps, number


@every_task
def test_sequences_by_brute_force(task):
    seen, lengths = [Counter() for _ in range(task.num_symbols)], set()
    for batch in range(100):
        inputs, targets = task.sample(draws(100, batch=batch))
        assert torch.equal(inputs.sum(2), torch.ones(inputs.shape[:2]))
        lengths.add(inputs.shape[1])
        for shown, target in zip(decode(task, inputs), targets.tolist(), strict=True):
            steps, number = order(task, shown)
            assert target == [number]
            for counter, step in zip(seen, steps, strict=True):
                counter[step] += 1
            if task.variant == "hochreiter1997":
                assert shown[0] == "E"
                assert shown[-1] == "B"
                assert not set(shown[1:-1]) & set("EB")
    assert [set(counter) for counter in seen] == [set(window) for window in windows(task)]
    longest = task.seq_len if task.variant == "pascanu2013" else 11 * task.seq_len // 10
    assert lengths == set(range(task.seq_len, longest + 1))


@every_task
def test_windows_lie_apart_and_inside(task):
    last = 0
    for window in windows(task):
        assert last < window[0] <= window[-1]
        last = window[-1]
    assert last <= task.seq_len - 2


@pytest.mark.parametrize("variant", ALPHABETS)
@pytest.mark.parametrize("num_symbols", [2, 3])
def test_symbols_and_distractors_are_uniform(num_symbols, variant):
    task = TemporalOrder(20, num_symbols, variant)
    inputs, targets = task.sample(draws(20_000))
    distractors = inputs.sum((0, 1))[2:6].double()
    deviation = (distractors.sum() * 0.25 * 0.75).sqrt()
    assert ((distractors - distractors.mean()).abs() < 4.5 * deviation).all()
    p = 1 / task.output_size
    classes = F.one_hot(targets.flatten(), task.output_size).sum(0)
    assert ((classes - 20_000 * p).abs() < 4.5 * (20_000 * p * (1 - p)) ** 0.5).all()


def test_worked_examples():
    """The loop that is the oracle here reads the docstring's sequences as the docstring does."""
    pascanu, hochreiter = (TemporalOrder(10, 2, variant) for variant in ALPHABETS)
    assert order(pascanu, "dBccfAedcf") == ([1, 5], 1)
    assert order(hochreiter, "EXdaaYcbaB") == ([1, 5], 2)
    for task, steps in ((pascanu, [1, 5]), (hochreiter, [1, 5])):
        assert all(step in window for step, window in zip(steps, windows(task), strict=True))


def test_the_windows_of_the_paper():
    """Table of experiments 6a and 6b: [10, 20], [50, 60]; [10, 20], [33, 43], [66, 76]; 100-110."""
    assert windows(TemporalOrder(100, 2, "hochreiter1997")) == [range(10, 21), range(50, 61)]
    triple = windows(TemporalOrder(100, 3, "hochreiter1997"))
    assert triple == [range(10, 21), range(33, 44), range(66, 77)]


def test_chance_by_hand():
    assert TemporalOrder().chance == pytest.approx(1.3863, abs=5e-5)
    assert TemporalOrder(num_symbols=3).chance == pytest.approx(2.0794, abs=5e-5)
    assert TemporalOrder(variant="hochreiter1997").chance == 3 / 16
    assert TemporalOrder(50, 3, "hochreiter1997").chance == 7 / 64
    for symbols, wrong in ((2, 0.75), (3, 0.875)):  # 75 % and 87.5 %
        assert TemporalOrder(50, symbols).chance_error == wrong
        assert TemporalOrder(50, symbols, "hochreiter1997").chance_error == 1
        assert TemporalOrder(50, symbols, "hochreiter1997").chance_accuracy == 1 - wrong


def test_losses_by_hand():
    outputs = torch.tensor([[[0.0, 0.0, 0.0, math.log(3)]]])  # softmax: 1/6 1/6 1/6 1/2
    targets = torch.tensor([[3]])
    assert TemporalOrder().loss(outputs, targets).item() == pytest.approx(math.log(2))
    squared = TemporalOrder(variant="hochreiter1997").loss(outputs, targets).item()
    assert squared == pytest.approx((3 * 0.5**2 + 0.25**2) / 4)  # logistic: 1/2 1/2 1/2 3/4


def test_errors_of_pascanu2013():
    outputs = torch.tensor([[[0.0, 1.0, 0.9, 0.0]], [[0.0, 0.9, 1.0, 0.0]]])
    assert TemporalOrder().errors(outputs, torch.ones(2, 1, dtype=torch.long)).tolist() == [
        False,
        True,
    ]


@pytest.mark.parametrize("row", range(4))
def test_errors_of_hochreiter1997(row):
    """By hand: every output counts, and 0.3 off is too far; logits of a probability p."""
    task, targets = TemporalOrder(variant="hochreiter1997"), torch.tensor([[2]] * 3)
    right = torch.tensor([0.01, 0.01, 0.99, 0.01])
    probabilities = right.repeat(3, 1)
    probabilities[:, row] = (
        torch.tensor([0.299, 0.301, 0.9]) if row != 2 else (torch.tensor([0.701, 0.699, 0.1]))
    )
    wrong = task.errors(probabilities.logit().unsqueeze(1), targets)
    assert wrong.tolist() == [False, True, True]


@pytest.mark.parametrize("variant", ALPHABETS)
@pytest.mark.parametrize("num_symbols", [2, 3])
def test_too_short(num_symbols, variant):
    message = f"seq_len=9 is too short for variant={variant}: at least 10"
    with pytest.raises(ValueError, match=message):
        TemporalOrder(9, num_symbols, variant)
    with pytest.raises(ValueError, match=message):
        TemporalOrder(50, num_symbols, variant).at_length(9)


BAD = [
    *product(["seq_len"], [0, -1, 10.5, True, "a", None]),
    *product(["num_symbols"], [1, 4, 2.0, True, "2", None]),
    *product(["variant"], ["pascanu", 2013, None]),
]


@pytest.mark.parametrize(("name", "value"), BAD)
def test_refuses(name, value):
    with pytest.raises(ValueError, match=f"{name}={value}"):
        TemporalOrder(**{name: value})
