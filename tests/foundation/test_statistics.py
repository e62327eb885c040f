"""Oracles: scipy's intervals and tests, printed tables, brute force, and seeded simulations."""

import math

import numpy as np
import pytest
from scipy import stats

from rnnlab.foundation.statistics import (
    holm,
    mean_interval,
    rates_p,
    solved_by_share,
    wilson,
)

Z95 = 1.959963984540054  # the normal quantile of 0.975


@pytest.mark.parametrize("n", [*range(1, 13), 20, 100, 999, 10_000])
def test_wilson_is_scipys(n):
    """Oracle: scipy.stats.binomtest(k, n).proportion_ci(method="wilson")."""
    for k in {*range(min(n, 12) + 1), n // 3, n // 2, n - 1, n}:
        expected = stats.binomtest(k, n).proportion_ci(confidence_level=0.95, method="wilson")
        low, high = wilson(k, n)
        assert low == pytest.approx(expected.low, rel=1e-9, abs=1e-15)
        assert high == pytest.approx(expected.high, rel=1e-9, abs=1e-15)
        assert 0 <= low <= k / n <= high <= 1


def test_wilson_at_the_ends_by_hand():
    """Oracle: n of n: n/(n + z^2) to exactly 1; 0 of n mirrors it. 5 of 5: 0.57 to 1."""
    for n in (1, 5, 10_000):
        edge = n / (n + Z95**2)
        assert wilson(n, n) == (pytest.approx(edge), 1.0)
        assert wilson(0, n) == (0.0, pytest.approx(1 - edge))
    assert round(wilson(5, 5)[0], 2) == 0.57


def test_wilson_narrows_with_the_number_of_trials():
    widths = [high - low for low, high in (wilson(n // 2, n) for n in (2, 10, 100, 1000))]
    assert widths == sorted(widths, reverse=True)


@pytest.mark.parametrize("n", [2, 3, 5, 10, 200])
def test_the_interval_of_a_mean_is_scipys(n):
    """Oracle: scipy.stats.ttest_1samp's confidence interval."""
    values = np.random.default_rng(n).lognormal(size=n)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert mean_interval(values.tolist()) == pytest.approx(tuple(expected))


@pytest.mark.parametrize(
    ("values", "quantile"),
    [([1, 3], 12.706), ([1, 2, 3], 4.303), ([1, 2, 2, 2, 3], 2.776)],
)
def test_the_interval_of_a_mean_by_the_printed_table(values, quantile):
    """Oracle: t of 0.975 with 1, 2 and 4 degrees of freedom (Student's table)."""
    half = quantile * float(np.std(values, ddof=1)) / math.sqrt(len(values))
    assert mean_interval(values) == pytest.approx((2 - half, 2 + half), abs=5e-4)


@pytest.mark.parametrize("values", [[0.3], [-2.0], [0.1, 0.1], [0.25] * 7, [0.1, 0.1, 0.1]])
def test_equal_values_are_their_interval(values):
    assert mean_interval(values) == (values[0], values[0])


def test_the_interval_of_a_fraction_ends_where_fractions_do():
    low, high = mean_interval([0.0, 0.1, 0.9])
    assert low < 0
    assert high > 1
    assert mean_interval([0.0, 0.1, 0.9], 0, 1) == (0, 1)


@pytest.mark.slow
@pytest.mark.parametrize("n", [3, 5, 10])
@pytest.mark.parametrize(
    ("draw", "mean", "least", "most"),
    [
        (lambda rng, n: rng.normal(size=n), 0, 0.93, 0.97),
        (lambda rng, n: rng.lognormal(0, 1, n), math.exp(0.5), 0.80, 0.87),
    ],
    ids=["normal", "very skewed"],
)
def test_the_interval_covers_what_the_page_says(n, draw, mean, least, most):
    """Oracle: 2000 means of known distributions; the page has 0.95 and about 0.84."""
    rng = np.random.default_rng(n)
    intervals = [mean_interval(draw(rng, n).tolist()) for _ in range(2000)]
    assert least <= np.mean([low <= mean <= high for low, high in intervals]) <= most


def test_rates_by_hand():
    """Oracle: one table of 2^(2n) at the rate of a half, where that is likeliest, and its mirror."""
    for n in (3, 4, 5, 10):
        assert rates_p((n, n), (0, n)) == pytest.approx(2 / 4**n)
    assert rates_p((2, 5), (2, 5)) == 1
    assert rates_p((3, 3), (3, 3)) == 1


@pytest.mark.parametrize(("m", "n"), [(3, 3), (5, 5), (3, 5)])
def test_rates_by_going_through_all_tables(m, n):
    """Oracle: of all tables, those that Fisher's test finds as rare, at the worst of 999 rates."""
    tables = [(x, y) for x in range(m + 1) for y in range(n + 1)]
    rates = np.linspace(0, 1, 999)
    chance = {
        (x, y): stats.binom.pmf(x, m, rates) * stats.binom.pmf(y, n, rates) for x, y in tables
    }
    sides = []
    for side in ("less", "greater"):
        fishers = {
            (x, y): stats.fisher_exact([[x, y], [m - x, n - y]], alternative=side)[1]
            for x, y in tables
        }
        sides.append(
            {
                at: np.sum(
                    [chance[t] for t in tables if fishers[t] <= p * (1 + 1e-9)], axis=0
                ).max()
                for at, p in fishers.items()
            }
        )
    for x, y in tables:
        expected = min(1, 2 * min(side[x, y] for side in sides))
        assert rates_p((x, m), (y, n)) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((4, 5), (0, 5)),
        ((12, 20), (4, 20)),
        ((1, 3), (5, 6)),
        ((9, 10), (10, 30)),
        ((50, 50), (44, 50)),
    ],
)
def test_rates_by_scipys_test(a, b):
    """Oracle: scipy.stats.boschloo_exact, which looks for the worst rate by an optimizer."""
    table = [[a[0], b[0]], [a[1] - a[0], b[1] - b[0]]]
    assert rates_p(a, b) == pytest.approx(stats.boschloo_exact(table).pvalue, abs=1e-4)


def test_holm_by_hand():
    """3 x 0.01; 2 x 0.03; and 0.04, which is no smaller than the one before it."""
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == pytest.approx([1.0, 1.0])
    assert len(holm([])) == 0
    both = np.array([[0.01, 0.9], [0.04, 0.8], [0.03, 0.001]])
    assert holm(both) == pytest.approx(np.array([[0.03, 1], [0.06, 1], [0.06, 0.003]]))


def test_decided_by_going_through_all_that_the_failed_could_have_done():
    for trials in range(1, 7):
        for solved in range(trials + 1):
            for failed in range(trials - solved + 1):
                for share in (0.3, 0.5, 0.8, 1.0):
                    ends = {(solved + more) / trials >= share for more in range(failed + 1)}
                    expected = ends.pop() if len(ends) == 1 else None
                    assert solved_by_share(solved, trials, failed, share) is expected
