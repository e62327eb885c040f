"""How many seeds a comparison would take. Oracles: printed tables, exact sums, the tests themselves."""

import math
from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from rnnlab.foundation.power import ENUMERATED, MOST, Mean, Rate, claims, seeds_needed
from rnnlab.foundation.statistics import boschloo, difference_p, holm


def all_pairs(samples):
    return list(combinations(samples, 2))


@pytest.mark.parametrize("n", [2, 4, 5, ENUMERATED])
def test_the_p_of_few_seeds_is_the_reports(n):
    rng = np.random.default_rng(n)
    a, b = rng.normal(0, 1, (6, n)), rng.normal(1, 2, (6, n))
    expected = [difference_p(x, y) for x, y in zip(a, b, strict=True)]
    assert Mean.p(a, b) == pytest.approx(expected)


@pytest.mark.parametrize("n", [ENUMERATED + 1, 12])
def test_the_p_of_many_seeds_is_near_the_reports(n):
    """Within a tenth of itself and 0.004: a permutation test of 9999 has such an error."""
    rng = np.random.default_rng(n)
    a, b = rng.normal(0, 1, (8, n)), rng.normal(1, 1, (8, n))
    expected = [difference_p(x, y) for x, y in zip(a, b, strict=True)]
    assert Mean.p(a, b) == pytest.approx(expected, rel=0.1, abs=0.004)


def test_values_without_spread():
    for n in (5, 10):
        a, b = np.zeros((1, n)), np.ones((1, n))
        assert Mean.p(a, a) == 1
        assert Mean.p(a, b) <= 2 / math.comb(10, 5)


@pytest.mark.parametrize(("variants", "least"), [(2, 4), (4, 5), (5, 6), (8, 7)])
def test_no_fewer_than_could_ever_tell_so_many_means_apart(variants, least):
    """Oracle: 2 of C(2n, n) arrangements are as far apart, and p is multiplied by the pairs."""
    pairs = math.comb(variants, 2)
    assert least == next(n for n in range(2, 20) if 2 / math.comb(2 * n, n) * pairs < 0.05)
    far = [Mean([i, i + 0.01, i + 0.02]) for i in range(variants)]
    assert set(seeds_needed(all_pairs(far))) == {least}


@pytest.mark.parametrize(("distance", "seeds"), [(1.0, 17), (0.8, 26), (0.7, 34), (1.2, 12)])
def test_two_means_as_in_cohens_table(distance, seeds):
    """Oracle: Cohen (1988), n for a power of 0.8 at 0.05, two-sided."""
    values = np.array([-1.0, 0.0, 1.0])
    (found,) = seeds_needed([(Mean(values.tolist()), Mean((values + distance).tolist()))])
    assert found is not None
    assert abs(found - seeds) <= max(2, seeds // 10)


@pytest.mark.parametrize("n", [5, 10, 20])
def test_two_rates_by_the_sum_over_all_outcomes(n):
    """Oracle: the chance of every two counts, of those that the test tells apart. 400 repeats."""
    a, b = (stats.binom.pmf(range(n + 1), n, rate) for rate in (0.8, 0.2))
    exact = (np.outer(a, b) * (boschloo(n, n) < 0.05)).sum()
    (share,) = claims([(Rate(4, 5), Rate(1, 5))], n)
    assert share == pytest.approx(exact, abs=4 * 0.5 / math.sqrt(400))


def test_more_variants_take_more_seeds():
    a, b = Rate(4, 5), Rate(1, 5)
    (alone,) = seeds_needed([(a, b)])
    (among, *_) = seeds_needed(all_pairs([a, b, *(Rate(3, 5) for _ in range(4))]))
    assert alone is not None
    assert among is not None
    assert among > alone


def test_pairs_that_are_told_apart_first_leave_less_to_correct():
    """Oracle: Holm's correction of 5 far pairs of 6 leaves the last one as if alone."""
    near = [Mean([0.0, 1.0, 2.0]), Mean([1.2, 2.2, 3.2])]
    far = [Mean([100.0, 101.0, 102.0]), Mean([-100.0, -99.0, -98.0])]
    (alone,) = seeds_needed([(near[0], near[1])])
    found = seeds_needed(all_pairs([*near, *far]))
    assert found[0] == pytest.approx(alone, abs=2)


def test_a_number_is_more_than_there_are():
    apart = Mean([0.0, 0.01, 0.02] * 3), Mean([1.0, 1.01, 1.02] * 3)
    assert seeds_needed([apart]) == [10]
    assert seeds_needed([(Rate(9, 9), Rate(0, 3))]) == [10]


def test_nothing_beyond_reason():
    equal, other = Mean([0.0, 1.0]), Mean([0.01, 1.01])
    assert seeds_needed([(equal, Mean([0.0, 1.0])), (equal, other)]) == [None, None]
    assert seeds_needed([(Rate(3, 5), Rate(3, 5))]) == [None]
    many = Mean([*range(MOST)]), Mean([1000.0 + i for i in range(MOST)])
    assert seeds_needed([many]) == [None]
    assert seeds_needed([]) == []


def test_it_repeats_and_leaves_numpys_generator_alone():
    state = str(np.random.get_state())  # noqa: NPY002
    pairs = all_pairs([Mean([i / 3, 1.0 + i, 2.0]) for i in range(4)])
    assert seeds_needed(pairs) == seeds_needed(pairs)
    assert str(np.random.get_state()) == state  # noqa: NPY002


def test_eight_equal_variants_of_twenty_seeds_are_told_apart_as_rarely_as_said():
    """Oracle: 2000 comparisons of equal rates. Without a correction most would have a false claim."""
    rng = np.random.default_rng(0)
    for rate in (0.5, 0.8):
        solved = rng.binomial(20, rate, (8, 2000))
        p = np.array([boschloo(20, 20)[a, b] for a, b in combinations(solved, 2)])
        assert np.mean((holm(p) < 0.05).any(axis=0)) < 0.05
        assert np.mean((p < 0.05).any(axis=0)) > 0.3
