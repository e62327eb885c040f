"""Intervals that stand beside every rate and every mean, and what may be said from them.

All of it is scipy's, seeded: the same values give the same numbers.
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

Z95 = 1.959963984540054  # the normal quantile of 0.975
SEED = 0
MANY = 1000  # seeds nobody will run

Interval = tuple[float, float]


def wilson(successes: int, trials: int) -> Interval:
    """The 95 % interval of a success rate (Wilson, 1927), e.g. 5 of 5: 0.57 to 1.

    (p + z^2/2n -+ z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n), with p = successes/trials.
    """
    low, high = stats.binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    return (0.0 if successes == 0 else float(low)), (1.0 if successes == trials else float(high))


def bootstrap_mean(values: Sequence[float], resamples: int = 10_000) -> Interval:
    """The 95 % percentile bootstrap interval of a mean (Efron, 1979).

    With n values it can reach no further than their smallest and largest, and with one it is that
    value: few seeds give an interval that is too narrow, which the count beside it must tell.
    """
    least, most = min(values), max(values)
    if least == most:
        return least, most
    found = stats.bootstrap(
        (np.array(values),),
        np.mean,
        n_resamples=resamples,
        method="percentile",
        rng=np.random.default_rng(SEED),
    ).confidence_interval
    low, high = np.clip([found.low, found.high], least, most)
    return float(low), float(high)


def interquartile_mean(values: Sequence[float]) -> float:
    """The mean of the middle half (Agarwal et al., 2021); of 1, 2, 3, 100 it is 2.5."""
    return float(stats.trim_mean(np.array(values), 0.25))


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
    curve = stats.ecdf(stats.CensoredData(uncensored=np.array(solved), right=np.array(censored))).sf
    reached = curve.quantiles[curve.probabilities <= 0.5 + 1e-12]
    return float(reached[0]) if len(reached) else None


def difference_p(a: Sequence[float], b: Sequence[float]) -> float:
    """How often a difference of means as large comes from shuffling: a two-sided permutation test.

    Exact for few values: 5 against 5 have 252 arrangements, and no p is below 2/252.
    """
    found = stats.permutation_test(
        (np.array(a), np.array(b)),
        lambda x, y, axis: np.mean(x, axis=axis) - np.mean(y, axis=axis),
        vectorized=True,
        n_resamples=9999,
        rng=np.random.default_rng(SEED),
    )
    return float(found.pvalue)


def holm(values: Sequence[float]) -> list[float]:
    """P values corrected for their number, so that any false claim among them is as rare as one alone.

    The k-th smallest of m is multiplied by m - k + 1, and is no smaller than those before it (Holm,
    1979): 0.01, 0.04, 0.03 become 0.03, 0.06, 0.06.
    """
    corrected, largest = [1.0] * len(values), 0.0
    for rank, i in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        largest = max(largest, min(1.0, (len(values) - rank) * values[i]))
        corrected[i] = largest
    return corrected


def solved_by_share(solved: int, trials: int, failed: int, share: float = 0.5) -> bool | None:
    """Whether at least a share of the trials solved it; None where failed ones could turn that.

    Of 5, with a share of a half: 3 solved and 2 failed are enough whatever the failed would have
    done, 1 solved and 1 failed are not, and with 2 solved and 1 failed nobody knows.
    """
    if solved / trials >= share:
        return True
    return None if (solved + failed) / trials >= share else False


def are_apart(a: Interval, b: Interval) -> bool:
    """Whether two intervals share nothing."""
    return a[1] < b[0] or b[1] < a[0]


def seeds_for_rates(a: tuple[int, int], b: tuple[int, int]) -> int | None:
    """Seeds of each at which Wilson's intervals would separate, if the rates seen were kept.

    4 of 5 and 1 of 5: 11. More than there are, as those do not separate. None where it takes more than a thousand, or the rates are equal.

    Args:
        a: Successes and trials.
        b: Likewise.
    """
    rates = [successes / trials for successes, trials in (a, b)]
    for n in range(max(a[1], b[1]) + 1, MANY + 1):
        if are_apart(*(wilson(round(rate * n), n) for rate in rates)):
            return n
        if rates[0] == rates[1]:
            break
    return None


def seeds_for_means(a: Sequence[float], b: Sequence[float]) -> int | None:
    """Seeds of each at which the means' normal intervals would separate, if the spread were kept.

    n = (1.96 (s_a + s_b) / |mean_a - mean_b|)^2, at least 4, as with fewer no permutation test can
    give a p under 0.05, and more than there are, as those do not separate. None where it takes more than a thousand.
    """
    difference = abs(float(np.mean(a)) - float(np.mean(b)))
    spread = float(np.std(a, ddof=1) + np.std(b, ddof=1))
    if difference == 0 or (needed := (Z95 * spread / difference) ** 2) > MANY:
        return None
    return max(4, len(a) + 1, len(b) + 1, math.ceil(needed))
