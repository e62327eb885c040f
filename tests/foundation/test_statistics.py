"""Oracles: scipy's Wilson interval; closed forms of the bootstrap distribution of a mean."""

import math

import numpy as np
import pytest
from scipy import stats

from rnnlab.foundation.statistics import Z95, bootstrap_mean, holm, solved_by_share, wilson


def test_the_quantile():
    assert stats.norm.ppf(0.975) == pytest.approx(Z95, rel=1e-15)


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


@pytest.mark.parametrize("n", [2, 3, 5, 12])
def test_bootstrap_of_one_success_by_binomial_quantiles(n):
    """Oracle: with values 0, ..., 0, 1 a resampled mean is Binomial(n, 1/n)/n."""
    low, high = bootstrap_mean([0.0] * (n - 1) + [1.0])
    assert low == pytest.approx(stats.binom.ppf(0.025, n, 1 / n) / n)
    assert high == pytest.approx(stats.binom.ppf(0.975, n, 1 / n) / n)


@pytest.mark.parametrize("scale", [1.0, 1e-3])
def test_bootstrap_of_many_values_is_normal(scale):
    """Oracle: mean -+ 1.96 s/sqrt(n), s without Bessel's correction.

    The quantile of 10 000 resamples has a standard error of 0.027 s/sqrt(n); skewness is nought.
    """
    values = 3 + scale * np.random.default_rng(1).normal(size=400)
    unit = values.std() / math.sqrt(len(values))
    low, high = bootstrap_mean(values.tolist())
    assert abs(low - (values.mean() - Z95 * unit)) < 0.12 * unit
    assert abs(high - (values.mean() + Z95 * unit)) < 0.12 * unit


@pytest.mark.parametrize("values", [[0.3], [-2.0], [0.1, 0.1], [0.25] * 7])
def test_bootstrap_of_one_value_is_that_value(values):
    assert bootstrap_mean(values) == (values[0], values[0])


@pytest.mark.parametrize("n", [2, 3, 5, 30])
def test_bootstrap_stays_within_the_values(n):
    for seed in range(10):
        values = np.random.default_rng(seed).exponential(size=n)
        low, high = bootstrap_mean(values.tolist(), resamples=1000)
        assert values.min() - 1e-12 <= low < values.mean() < high <= values.max() + 1e-12


def test_bootstrap_repeats_and_leaves_numpys_generator_alone():
    state = str(np.random.get_state())  # noqa: NPY002
    values = np.random.default_rng(2).normal(size=50).tolist()  # few values would tie
    assert bootstrap_mean(values) == bootstrap_mean(values)
    assert str(np.random.get_state()) == state  # noqa: NPY002


def test_bootstrap_follows_a_shift_and_a_scale():
    """Oracle: the same resamples of a x + b, to rounding."""
    values = np.random.default_rng(2).normal(size=50).tolist()
    low, high = bootstrap_mean(values)
    moved = bootstrap_mean([2 * x - 5 for x in values])
    assert moved == (pytest.approx(2 * low - 5), pytest.approx(2 * high - 5))


def test_more_resamples_are_other_resamples():
    values = np.random.default_rng(0).normal(size=20).tolist()
    assert bootstrap_mean(values, resamples=100) != bootstrap_mean(values, resamples=10_000)


def test_rounding_takes_no_bound_past_the_values():
    assert bootstrap_mean([0.1, 0.1, 0.1]) == (0.1, 0.1)


def test_holm_by_hand():
    """3 x 0.01; 2 x 0.03; and 0.04, which is no smaller than the one before it."""
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_decided_by_going_through_all_that_the_failed_could_have_done():
    for trials in range(1, 7):
        for solved in range(trials + 1):
            for failed in range(trials - solved + 1):
                for share in (0.3, 0.5, 0.8, 1.0):
                    ends = {(solved + more) / trials >= share for more in range(failed + 1)}
                    expected = ends.pop() if len(ends) == 1 else None
                    assert solved_by_share(solved, trials, failed, share) is expected
