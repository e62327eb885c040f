"""Intervals that stand beside every rate and every mean, and what may be said from them.

All but `wilson` is scipy's, seeded: the same values give the same numbers. `scripts/simulate`
simulates what they come to. scipy.stats, which takes half a second to import, is imported as it is
used: an evaluation, which is tried before each run, needs `wilson` alone.
"""

import math
from collections.abc import Sequence
from functools import cache
from statistics import NormalDist

import numpy as np
import scipy
from numpy.typing import ArrayLike

SEED = 0
Z = NormalDist().inv_cdf(0.975)
SIGNIFICANT = 0.05

Interval = tuple[float, float]


def wilson(successes: int, trials: int) -> Interval:
    """The 95 % interval of a success rate (Wilson, 1927), e.g. 5 of 5: 0.57 to 1.

    (p + z^2/2n -+ z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n), with p = successes/trials.
    """
    p, n = successes / trials, trials
    middle, half = p + Z**2 / (2 * n), Z * math.sqrt(p * (1 - p) / n + Z**2 / (4 * n**2))
    low, high = (middle - half) / (1 + Z**2 / n), (middle + half) / (1 + Z**2 / n)
    return (0.0 if successes == 0 else low), (1.0 if successes == trials else high)


def mean_interval(
    values: Sequence[float], least: float = -math.inf, most: float = math.inf
) -> Interval:
    """The 95 % interval of a mean (Student, 1908): mean -+ t s / sqrt(n), e.g. of 1, 2, 3: -0.48 to 4.48.

    It covers what it says where the values are of one kind and not very skewed; equal values, and
    one alone, are their own interval.

    Args:
        values: One at least.
        least: What no mean can be below, e.g. 0 of a fraction.
        most: What none can be above.
    """
    if min(values) == max(values):
        return values[0], values[0]
    low, high = scipy.stats.t.interval(
        0.95, len(values) - 1, loc=np.mean(values), scale=scipy.stats.sem(values)
    )
    return max(float(low), least), min(float(high), most)


def interquartile_mean(values: Sequence[float]) -> float:
    """The mean of the middle half (Agarwal et al., 2021); of 1, 2, 3, 100 it is 2.5."""
    return float(scipy.stats.trim_mean(np.array(values), 0.25))


def median_time(solved: Sequence[float], censored: Sequence[float]) -> float | None:
    """The median of times of which some are known only to be longer (Kaplan & Meier, 1958).

    Solved at 100, 200 and 300, another unsolved at 150: after 100 three quarters are left, after
    200 three eighths, so that the median is 200. None where it is not reached.

    Args:
        solved: When it happened.
        censored: Until when it had not happened.
    """
    if not solved:
        return None
    curve = scipy.stats.ecdf(
        scipy.stats.CensoredData(uncensored=np.array(solved), right=np.array(censored))
    ).sf
    reached = curve.quantiles[curve.probabilities <= 0.5 + 1e-12]
    return float(reached[0]) if len(reached) else None


def difference_p(a: Sequence[float], b: Sequence[float]) -> float:
    """How often a difference of means as large comes from shuffling: a two-sided permutation test.

    Exact for few values: 5 against 5 have 252 arrangements, and no p is below 2/252.
    """
    found = scipy.stats.permutation_test(
        (np.array(a), np.array(b)),
        lambda x, y, axis: np.mean(x, axis=axis) - np.mean(y, axis=axis),
        vectorized=True,
        n_resamples=9999,
        rng=np.random.default_rng(SEED),
    )
    return float(found.pvalue)


def rates_p(a: tuple[int, int], b: tuple[int, int]) -> float:
    """How rare rates as different are where both are equal: a two-sided test (Boschloo, 1970).

    5 of 5 against 0 of 5: 2/1024. It is exact, and less strict than Fisher's, which has 2/252, as it
    does not hold fixed how many succeed in all.

    Args:
        a: Successes and trials.
        b: Likewise.
    """
    return float(boschloo(a[1], b[1])[a[0], b[0]])


@cache
def boschloo(m: int, n: int) -> np.ndarray:
    """The p of `rates_p` for every count of m trials and of n, as an array of (m + 1, n + 1).

    scipy.stats.boschloo_exact is the same for one table, and takes 10 ms. It also sets up the root
    logger and logs to it.
    """
    x, y = np.meshgrid(np.arange(m + 1), np.arange(n + 1), indexing="ij")
    rates = np.linspace(0, 1, 201)
    a, b = (scipy.stats.binom.pmf(np.arange(k + 1)[:, None], k, rates) for k in (m, n))
    chances = (a[:, None] * b).reshape(-1, len(rates))
    totals = m + n, x + y, m
    sides = [
        _as_rare(fishers.ravel(), chances)
        for fishers in (
            scipy.stats.hypergeom.cdf(x, *totals),
            scipy.stats.hypergeom.sf(x - 1, *totals),
        )
    ]
    return np.minimum(1.0, 2 * np.minimum(*sides)).reshape(x.shape)


def _as_rare(fishers: np.ndarray, chances: np.ndarray) -> np.ndarray:
    """The chance of a table that Fisher's test finds as rare or rarer, at the worst of the rates."""
    order = np.argsort(fishers, kind="stable")
    last = np.searchsorted(fishers[order], fishers * (1 + 1e-9), side="right") - 1
    return np.cumsum(chances[order], axis=0)[last].max(axis=1)


def holm(values: ArrayLike) -> np.ndarray:
    """P values corrected for their number, so that any false claim among them is as rare as one alone.

    The k-th smallest of m is multiplied by m - k + 1, and is no smaller than those before it (Holm,
    1979): 0.01, 0.04, 0.03 become 0.03, 0.06, 0.06. Of an array, each column by itself.
    """
    p = np.asarray(values, dtype=float)
    order = np.argsort(p, axis=0, kind="stable")
    factors = np.arange(len(p), 0, -1).reshape(-1, *(1,) * (p.ndim - 1))
    ranked = np.maximum.accumulate(np.take_along_axis(p, order, 0) * factors, axis=0)
    corrected = np.empty_like(p)
    np.put_along_axis(corrected, order, np.minimum(ranked, 1.0), 0)
    return corrected


def solved_by_share(solved: int, trials: int, failed: int, share: float = 0.5) -> bool | None:
    """Whether at least a share of the trials solved it; None where failed ones could turn that.

    Of 5, with a share of a half: 3 solved and 2 failed are enough whatever the failed would have
    done, 1 solved and 1 failed are not, and with 2 solved and 1 failed nobody knows.
    """
    if solved / trials >= share:
        return True
    return None if (solved + failed) / trials >= share else False
