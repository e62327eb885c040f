"""Intervals that stand beside every rate and every mean."""

import math

import numpy as np

Z95 = 1.959963984540054  # the normal quantile of 0.975


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """The 95 % interval of a success rate (Wilson, 1927), e.g. 5 of 5: 0.57 to 1.

    (p + z^2/2n -+ z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n), with p = successes/trials.
    """
    p, spread = successes / trials, Z95**2 / trials
    middle = p + spread / 2
    half = Z95 * math.sqrt(p * (1 - p) / trials + spread / (4 * trials))
    low, high = (middle - half) / (1 + spread), (middle + half) / (1 + spread)
    return (0.0 if successes == 0 else low), (1.0 if successes == trials else high)


def bootstrap_mean(values: list[float], resamples: int = 10_000) -> tuple[float, float]:
    """The 95 % percentile bootstrap interval of a mean (Efron, 1979); seeded, so it repeats.

    With n values it can reach no further than their smallest and largest, and with one it is that
    value: few seeds give an interval that is too narrow, which the count beside it must tell.
    """
    drawn = np.random.default_rng(0).choice(np.array(values), (resamples, len(values)))
    low, high = np.quantile(drawn.mean(axis=1), [0.025, 0.975]).clip(min(values), max(values))
    return float(low), float(high)
