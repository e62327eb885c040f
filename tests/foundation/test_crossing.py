"""The crossing against likelihoods by hand, against brute force, and on simulated solvers."""

import itertools
import math

import numpy as np
import pytest
from scipy.stats import binom

from rnnlab.foundation.crossing import REJECTED, Crossing, crossing


@pytest.mark.parametrize(
    ("trials", "share", "text"),
    [
        # 10 log 2 = 6.9 rejects a crossing on the wrong side of 5 of 5: a wall is between the two
        ({20: (5, 5), 40: (0, 5)}, 0.5, "28 [20, 40]"),
        # 6 log 2 = 4.2 does too, 4 log 2 = 2.8 does not
        ({20: (3, 3), 40: (0, 3)}, 0.5, "28 [20, 40]"),
        ({20: (2, 2), 40: (0, 2)}, 0.5, "28 [0 or more]"),
        # two seeds at one length and one at the next are as three at one
        ({10: (2, 2), 20: (1, 1), 40: (0, 1), 80: (0, 2)}, 0.5, "28 [10, 80]"),
        ({10: (0, 5), 20: (0, 5)}, 0.5, "under 10 [0, 10]"),
        ({10: (5, 5), 80: (5, 5)}, 0.5, "80 or more [80 or more]"),
        ({10: (5, 5), 40: (3, 5)}, 0.5, "40 or more [10 or more]"),
        # 3 of 6 together: the middle of the lengths at the share itself
        ({10: (5, 5), 40: (1, 3), 90: (2, 3), 200: (0, 5)}, 0.5, "60 [10, 200]"),
        ({10: (1, 2)}, 0.5, "10 [0 or more]"),
        # one bad seed at 10, as if it were none
        ({10: (0, 1), 20: (5, 5), 40: (5, 5), 80: (0, 5)}, 0.5, "57 [40, 80]"),
        ({10: (9, 9), 20: (9, 9), 40: (0, 9)}, 0.8, "28 [20, 40]"),
    ],
)
def test_by_hand(trials: dict[int, tuple[int, int]], share: float, text: str) -> None:
    assert str(crossing(trials, share)) == text


def test_against_brute_force() -> None:
    """Oracle: all rates in steps of a twelfth that do not rise, at every crossing."""
    rates = np.arange(13) / 12
    rng = np.random.default_rng(0)
    for _ in range(20):
        lengths = sorted(rng.choice(200, 3, replace=False) + 1)
        trials = {int(n): (int(rng.integers(0, 5)), 4) for n in lengths}
        found = crossing(trials, 0.5)
        curves = [c for c in itertools.product(rates, repeat=3) if c[0] >= c[1] >= c[2]]
        table = [binom.logpmf(solved, 4, rates) for solved, _ in trials.values()]
        likely = {c: sum(table[i][round(12 * p)] for i, p in enumerate(c)) for c in curves}
        best = max(likely.values())
        gaps = [*itertools.pairwise([0, *trials, None])]
        kept = []
        for i, gap in enumerate(gaps):
            allowed = [c for c in curves if min((1, *c[:i])) >= 0.5 >= max((0, *c[i:]))]
            if 2 * (best - max(likely[c] for c in allowed)) <= REJECTED:
                kept.append(gap)
        assert found.interval == (kept[0][0], kept[-1][1])


def test_an_even_number_of_seeds_leans_to_neither_side() -> None:
    """Oracle: solved and unsolved changed for one another mirror the answer, on a log scale."""
    rng = np.random.default_rng(0)
    for seeds in (2, 3, 4):
        for _ in range(200):
            solved = [int(n) for n in rng.integers(0, seeds + 1, 5)]
            lengths = [2**i for i in range(1, 6)]
            trials = {n: (k, seeds) for n, k in zip(lengths, solved, strict=True)}
            mirrored = {64 // n: (seeds - k, seeds) for n, (k, _) in trials.items()}
            found, other = crossing(trials, 0.5), crossing(mirrored, 0.5)
            assert [_mirror(end) for end in found.between[::-1]] == [*other.between]
            assert [_mirror(end) for end in found.interval[::-1]] == [*other.interval]


def _mirror(length: int | None) -> int | None:
    return 0 if length is None else 64 // length if length else None


def test_it_covers_a_known_half_point() -> None:
    """Oracle: 300 solvers with five seeds at fixed lengths; success is logistic in the log length."""
    rng = np.random.default_rng(0)
    lengths = np.array([20, 40, 80, 110, 130, 150, 200, 320])
    rates = 1 / (1 + (lengths / 137) ** 4)
    found: list[Crossing] = []
    for _ in range(300):
        solved = rng.binomial(5, rates)
        found.append(
            crossing({int(n): (int(k), 5) for n, k in zip(lengths, solved, strict=True)}, 0.5)
        )
    covered = [c.interval[0] <= 137 <= (c.interval[1] or math.inf) for c in found]
    assert np.mean(covered) >= 0.95
    assert np.median([c.estimate for c in found]) == pytest.approx(137, rel=0.05)
