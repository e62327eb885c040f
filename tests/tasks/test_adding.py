"""Oracle: the protocols enumerated pair by pair in exact fractions, and the answer read off by a loop."""

import math
from collections import Counter
from fractions import Fraction
from itertools import combinations, count, product

import pytest
import torch

from rnnlab.tasks.adding import Adding
from tests.support.draws import draws

VARIANTS = ("arjovsky2016", "bai2018", "pascanu2013", "hochreiter1997")
SHORTEST = {"arjovsky2016": 2, "bai2018": 2, "pascanu2013": 10, "hochreiter1997": 11}


def answer(variant: str, sequence: list[list[float]]) -> float:
    """The target of one sequence of (number, marker), by a loop."""
    total = 0.0
    for number, marker in sequence:
        if marker == 1:
            total += number
    return {"pascanu2013": total / 2, "hochreiter1997": 0.5 + total / 4}.get(variant, total)


def pairs(variant: str, seq_len: int, length: int) -> dict[tuple[int, ...], Fraction]:
    """How likely each pair of marks is."""
    tenth, half = math.floor(Fraction(length, 10)), math.floor(Fraction(length, 2))
    found: Counter[tuple[int, ...]] = Counter()
    if variant == "arjovsky2016":
        found.update(product(range(half), range(half, length)))
    elif variant == "bai2018":
        found.update(combinations(range(length), 2))
    elif variant == "pascanu2013":
        found.update(product(range(tenth), range(tenth, half)))
    else:
        for first in range(10):
            unmarked = [step for step in range(length) if step != first]
            for second in unmarked[: seq_len // 2 - 1]:
                found[(min(first, second), max(first, second))] += 1
    return {pair: Fraction(count, found.total()) for pair, count in found.items()}


@pytest.mark.parametrize(
    ("variant", "seq_len"),
    [(v, t) for v in VARIANTS for t in (2, 3, 10, 11, 22, 27, 50) if t >= SHORTEST[v]],
)
def test_marks_and_lengths(variant, seq_len):
    beyond = Fraction(11 * seq_len, 10)
    lengths = {
        "pascanu2013": [n for n in range(seq_len, 2 * seq_len) if n < beyond],
        "hochreiter1997": [n for n in range(seq_len, 2 * seq_len) if n <= beyond],
    }.get(variant, [seq_len])
    task, number, seen = Adding(seq_len, variant), count(), set()
    for _ in range(60):
        markers = task.sample(draws(2000, batch=next(number))).inputs[:, :, 1]
        length = markers.shape[1]
        if length in seen:
            continue
        seen.add(length)
        expected = pairs(variant, seq_len, length)
        while len(markers) < 40 * len(expected):  # until each pair is sure to come up
            more = task.sample(draws(2000, batch=next(number))).inputs[:, :, 1]
            markers = torch.cat([markers, more]) if more.shape[1] == length else markers
        marked = (markers == 1).nonzero()[:, 1].view(-1, 2).tolist()
        found = Counter(map(tuple, marked))
        assert found.keys() == expected.keys()
        for pair, p in expected.items():
            deviation = math.sqrt(len(marked) * p * (1 - p)) or 1.0
            assert abs(found[pair] - len(marked) * p) < 5.5 * deviation
    assert seen == set(lengths)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("seq_len", [11, 24, 50])
def test_targets_by_brute_force(variant, seq_len):
    inputs, targets = Adding(seq_len, variant).sample(draws(300, seed=1))
    by_hand = [answer(variant, sequence) for sequence in inputs.tolist()]
    torch.testing.assert_close(targets, torch.tensor(by_hand).view(-1, 1, 1))


def test_worked_examples():
    """The loop that is the oracle here reads the docstring's sequences as the docstring does."""
    sequence = [[0.3, 0], [0.9, 1], [0.5, 0], [0.1, 0], [0.6, 1], [0.2, 0]]
    assert answer("arjovsky2016", sequence) == answer("bai2018", sequence) == 1.5
    assert answer("pascanu2013", sequence) == 0.75
    framed = [[0.3, -1], [-0.8, 1], [0.5, 0], [0.6, 1], [0.2, -1]]
    assert answer("hochreiter1997", framed) == pytest.approx(0.45)
    first_marked = [[0.0, 1], [-0.8, 0], [0.5, 0], [0.6, 1], [0.2, -1]]
    assert answer("hochreiter1997", first_marked) == pytest.approx(0.65)


@pytest.mark.parametrize("variant", VARIANTS)
def test_numbers_and_the_markers_of_a_frame(variant):
    inputs, _ = Adding(24, variant).sample(draws(4000, seed=2))
    numbers, markers = inputs.unbind(2)
    framed = variant == "hochreiter1997"
    assert (markers[:, 1:-1] >= 0).all()
    assert (markers[:, -1] == (-1 if framed else 0)).all() or variant in VARIANTS[:2]
    unmarked_first = markers[:, 0] != 1
    assert (markers[unmarked_first, 0] == (-1 if framed else 0)).all()
    assert (numbers[~unmarked_first, 0] == 0).any() == framed
    low = -1.0 if framed else 0.0
    inner = numbers[:, 1:]
    assert low <= inner.min() < low + 1e-3
    assert 1 - 1e-3 < inner.max() <= 1


def test_x_1_of_hochreiter1997_is_zero_where_the_first_pair_is_marked():
    """X_1 is the number marked among the first ten pairs, whichever of the two marks is at the first."""
    inputs, _ = Adding(40, "hochreiter1997").sample(draws(20_000, seed=3))
    numbers, markers = inputs.unbind(2)
    for sequence, marked in zip(numbers, markers == 1, strict=True):
        places = marked.nonzero().flatten().tolist()
        zero = [place for place in places if sequence[place] == 0]
        if 0 not in places:
            assert zero == []
        elif places[1] >= 10:
            assert zero == [0]  # X_1 is the first pair's
        else:
            assert zero in ([0], [places[1]])  # either mark may have been the first
    first = (markers[:, 0] == 1) & (markers[:, 1:10] == 1).any(dim=1)
    share = (numbers[first, 0] == 0).double().mean().item()
    assert 0.3 < share < 0.7


def test_chance_of_hochreiter1997_by_enumeration():
    """Oracle: the variance of the target, averaged over the enumerated pairs."""
    for seq_len in (11, 22, 51, 100):
        expected = pairs("hochreiter1997", seq_len, seq_len)
        variance = sum(
            p * (1 if 0 in pair else 2) * Fraction(1, 48) for pair, p in expected.items()
        )
        assert Adding(seq_len, "hochreiter1997").chance == pytest.approx(float(variance), rel=1e-12)


@pytest.mark.parametrize("variant", VARIANTS)
def test_how_often_the_mean_is_wrong(variant: str) -> None:
    """Oracle: 100,000 samples, within 4 standard errors."""
    task = Adding(22, variant)
    targets = task.sample(draws(100_000)).targets
    mean = 0.5 if variant in ("pascanu2013", "hochreiter1997") else 1.0
    wrong = task.errors(torch.full_like(targets, mean), targets).double()
    assert abs(wrong.mean().item() - task.chance_error) < 4 * wrong.std().item() / 100_000**0.5


@pytest.mark.parametrize("variant", VARIANTS)
def test_where_an_error_begins(variant):
    """By hand: 0.2 itself is still right, 0.04 of hochreiter1997 is already wrong."""
    border = torch.tensor(0.04 if variant == "hochreiter1997" else 0.2)
    below, above = (border.nextafter(torch.tensor(to)) for to in (0.0, 1.0))
    outputs = torch.stack([below, border, above, -below, -border, -above]).view(-1, 1, 1)
    at_border = variant == "hochreiter1997"
    wrong = Adding(50, variant).errors(outputs, torch.zeros(6, 1, 1))
    assert wrong.tolist() == [False, at_border, True] * 2


@pytest.mark.parametrize("variant", VARIANTS)
def test_too_short(variant):
    shortest = SHORTEST[variant]
    message = f"seq_len={shortest - 1} is too short for variant={variant}: at least {shortest}"
    with pytest.raises(ValueError, match=message):
        Adding(shortest - 1, variant)
    with pytest.raises(ValueError, match=message):
        Adding(50, variant).at_length(shortest - 1)
    Adding(shortest, variant).sample(draws(3))


@pytest.mark.parametrize("seq_len", [0, -3, 10.5, 10.0, True, "a", None, [10]])
def test_refuses_lengths(seq_len):
    with pytest.raises(ValueError, match="seq_len=") as refusal:
        Adding(seq_len)
    assert f"seq_len={seq_len}" in str(refusal.value)


@pytest.mark.parametrize("variant", ["le2015", "", 3, None, ["bai2018"]])
def test_refuses_variants(variant):
    with pytest.raises(ValueError, match="variant=") as refusal:
        Adding(variant=variant)
    assert f"variant={variant}" in str(refusal.value)
    assert all(name in str(refusal.value) for name in VARIANTS)
