"""Where a success rate that falls with length crosses a share: an estimate with its 95 % interval.

Of the rate it is assumed only that it does not rise with length, so that a wall, a slope and a
plateau have an answer alike. The fit is the likeliest such rate (Ayer et al., 1955). Of a crossing
between two lengths, the likeliest rate is that fit for the lengths before it, nowhere below the
share, and for those after it, nowhere above. The interval has every crossing that the likelihood
ratio does not reject (Banerjee & Wellner, 2001), at the quantile of a fixed set of lengths (Wilks,
1938); scripts/horizons measures how often that holds the truth.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.optimize import isotonic_regression
from scipy.special import xlogy

REJECTED = 3.841458820694124  # the 0.95 quantile of chi-square with one degree of freedom

Gap = tuple[int, int | None]


@dataclass(frozen=True)
class Crossing:
    """Where the rate falls below a share; 0 is below every length tried, None is beyond them all."""

    between: Gap
    """The lengths that the fit crosses it between."""
    interval: Gap

    @property
    def estimate(self) -> int:
        """The middle on a logarithmic scale; 0 or the longest tried where that is all one knows."""
        low, high = self.between
        return low if high is None else round(math.sqrt(low * high))

    def __str__(self) -> str:
        """`137 [98, 180]`, `under 10 [0, 20]`, `80 or more [40 or more]`"""
        low, high = self.between
        text = f"under {high}" if low == 0 else f"{self.estimate}{'' if high else ' or more'}"
        least, most = self.interval
        return f"{text} [{least} or more]" if most is None else f"{text} [{least}, {most}]"


def crossing(trials: Mapping[int, tuple[int, int]], share: float) -> Crossing:
    """Where the rate crosses a share, e.g. half of 10: 5 of 5, 20: 1 of 5, 40: 0 of 5: 14 [10, 40].

    Args:
        trials: Successes and trials at each length; any order, each with one trial at least.
        share: Between 0 and 1.
    """
    lengths = sorted(trials)
    counts = np.array([trials[length] for length in lengths])
    fit = _falling(counts)
    most = _log_likelihood(counts, fit)
    gaps: list[Gap] = [*pairwise([0, *lengths]), (lengths[-1], None)]
    kept = [gap for i, gap in enumerate(gaps) if 2 * (most - _at(counts, i, share)) <= REJECTED]
    tied = np.isclose(fit, share)
    above = [n for n, rate, tie in zip(lengths, fit, tied, strict=True) if rate > share and not tie]
    below = lengths[len(above) + int(tied.sum()) :]
    between: Gap = (above or [0])[-1], (below or [None])[0]
    if tied.any():
        between = lengths[len(above)], lengths[len(above) + int(tied.sum()) - 1]
    return Crossing(between, (kept[0][0], kept[-1][1]))


def _at(counts: np.ndarray, place: int, share: float) -> float:
    """The log likelihood of the likeliest rate that crosses the share just before this place."""
    before = np.maximum(_falling(counts[:place]), share)
    after = np.minimum(_falling(counts[place:]), share)
    return _log_likelihood(counts, np.concatenate([before, after]))


def _falling(counts: np.ndarray) -> np.ndarray:
    """The likeliest rates that do not rise."""
    if not len(counts):
        return np.empty(0)
    solved, of = counts.T
    return isotonic_regression(solved / of, weights=of, increasing=False).x


def _log_likelihood(counts: np.ndarray, rates: np.ndarray) -> float:
    solved, of = counts.T
    return float(np.sum(xlogy(solved, rates) + xlogy(of - solved, 1 - rates)))
