"""How many seeds a comparison would take: by simulation of its own tests, corrected as they are.

Every variant gets n seeds, its mean and spread, or its rate, as they are; the pairs are tested and
corrected for their number as in a report. The repeats are seeded: the same values give the same n.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations

import numpy as np
from scipy import stats

from rnnlab.foundation.statistics import SEED, SIGNIFICANT, boschloo, holm

POWER = 0.8  # the share of repeats in which a claim has to come
MOST = 50  # seeds of each; who would run more?
REPEATS = 400
ENUMERATED = 7  # seeds of each up to which all arrangements are gone through


@dataclass(frozen=True, eq=False)
class Mean:
    """A variant's values as seen, one a seed: repeats are normal, of their mean and spread."""

    values: Sequence[float]

    def __len__(self) -> int:
        return len(self.values)

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Of (repeats, n)."""
        return rng.normal(np.mean(self.values), np.std(self.values, ddof=1), (REPEATS, n))

    @staticmethod
    def p(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Of each repeat, as `difference_p` has it: exactly for few seeds, by Student's t for more."""
        n = a.shape[1]
        both = np.concatenate([a, b], axis=1)
        both = both - both.mean(axis=1, keepdims=True)
        if n > ENUMERATED:
            within = (a.var(axis=1, ddof=1) + b.var(axis=1, ddof=1)) / n
            gap = np.abs(a.mean(axis=1) - b.mean(axis=1))
            t = np.divide(gap, np.sqrt(within), out=np.full_like(gap, np.inf), where=within > 0)
            return np.where(gap > 0, 2 * stats.t.sf(t, 2 * n - 2), 1.0)
        sums = np.abs(both @ _halves(n).T)
        return np.mean(sums >= sums[:, :1] * (1 - 1e-9), axis=1)


@dataclass(frozen=True, eq=False)
class Rate:
    """How many of a variant's seeds have solved the task."""

    successes: int
    trials: int

    def __len__(self) -> int:
        return self.trials

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Of (repeats, n), 1 for a success."""
        return (rng.random((REPEATS, n)) < self.successes / self.trials).astype(int)

    @staticmethod
    def p(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Of each repeat, as `rates_p` has it."""
        return boschloo(a.shape[1], b.shape[1])[a.sum(axis=1), b.sum(axis=1)]


Sample = Mean | Rate


def seeds_needed(pairs: Sequence[tuple[Sample, Sample]]) -> list[int | None]:
    """Of each pair, about how many seeds of every variant would tell it apart in 80 % of repeats.

    More than there are; None where 50 would not do.

    Args:
        pairs: All that are tested together, each of one kind; a variant's sample is one object.
    """
    found: list[int | None] = [None] * len(pairs)
    n = 2
    while n <= MOST:
        asked = [i for i, pair in enumerate(pairs) if not found[i] and n > max(map(len, pair))]
        if asked:
            claimed = claims(pairs, n)
            for i in asked:
                found[i] = n if claimed[i] >= POWER else None
        n += max(1, n // 10)
    return found


def claims(pairs: Sequence[tuple[Sample, Sample]], n: int) -> np.ndarray:
    """Of each pair, the share of repeats with n seeds in which it is told apart."""
    rng = np.random.default_rng([SEED, n])
    samples = {id(sample): sample for pair in pairs for sample in pair}
    drawn = {key: sample.draw(n, rng) for key, sample in samples.items()}
    p = np.array([a.p(drawn[id(a)], drawn[id(b)]) for a, b in pairs])
    return np.mean(holm(p) < SIGNIFICANT, axis=1)


@cache
def _halves(n: int) -> np.ndarray:
    """Every way to choose n of 2 n, but for those that swap both halves, as rows of 0 and 1."""
    chosen = [(0, *rest) for rest in combinations(range(1, 2 * n), n - 1)]
    rows = np.zeros((len(chosen), 2 * n))
    np.put_along_axis(rows, np.array(chosen), 1.0, axis=1)
    return rows
