"""In how many repeats an interval that is called 95 % holds the true mean."""

from collections.abc import Callable, Sequence

import numpy as np
from scipy import stats

from rnnlab.foundation.statistics import mean_interval, wilson
from simulated.losses import BLIND, CHANCE, OF_ONE_KIND, OF_TWO_KINDS, SOLVED, SOLVED_MEAN

SEEDS = (3, 5, 10)
RESAMPLES = 999
CHUNK = 500  # repeats whose resamples are held in memory at once

Bounds = tuple[np.ndarray, np.ndarray]


def student(values: np.ndarray) -> Bounds:
    """What the report has."""
    low, high = zip(*(mean_interval(row.tolist()) for row in values), strict=True)
    return np.array(low), np.array(high)


def percentile(values: np.ndarray) -> Bounds:
    """Of resampled means (Efron, 1979)."""
    return _scipys(values, "percentile")


def bca(values: np.ndarray) -> Bounds:
    """The same, corrected for bias and skewness (Efron, 1987)."""
    return _scipys(values, "BCa")


def _scipys(values: np.ndarray, method: str) -> Bounds:
    rng = np.random.default_rng(0)
    found = stats.bootstrap(
        (values,), np.mean, axis=1, n_resamples=RESAMPLES, method=method, rng=rng
    ).confidence_interval
    return found.low, found.high


def bootstrap_t(values: np.ndarray) -> Bounds:
    """Quantiles of the resampled t (Efron, 1979); without bound where a resample is of one value."""
    n, mean, unit = values.shape[1], values.mean(axis=1), stats.sem(values, axis=1)
    chosen = np.random.default_rng(0).integers(0, n, (len(values), RESAMPLES, n))
    resampled = np.take_along_axis(values[:, None], chosen, axis=2)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = (resampled.mean(axis=2) - mean[:, None]) / stats.sem(resampled, axis=2)
        low, high = np.quantile(
            np.nan_to_num(t, nan=0.0, posinf=1e9, neginf=-1e9), [0.025, 0.975], 1
        )
    return mean - high * unit, mean - low * unit


def johnson(values: np.ndarray) -> Bounds:
    """Student's, moved by the skewness (Johnson, 1978)."""
    n, unit = values.shape[1], stats.sem(values, axis=1)
    middle = values.mean(axis=1) + stats.moment(values, 3, axis=1) / (6 * n * values.var(1, ddof=1))
    return middle - _t(n) * unit, middle + _t(n) * unit


def cox(values: np.ndarray) -> Bounds:
    """Of a lognormal mean (Olsson, 2005)."""
    logs = np.log(np.maximum(values, 1e-9))
    n, spread = values.shape[1], logs.var(axis=1, ddof=1)
    middle = logs.mean(axis=1) + spread / 2
    half = _t(n) * np.sqrt(spread / n + spread**2 / (2 * (n - 1)))
    return np.exp(middle - half), np.exp(middle + half)


def _t(n: int) -> float:
    return float(stats.t.ppf(0.975, n - 1))


METHODS: dict[str, Callable[[np.ndarray], Bounds]] = {
    "Student's t (the report's)": student,
    "percentile bootstrap": percentile,
    "BCa": bca,
    "bootstrap-t": bootstrap_t,
    "Johnson's t": johnson,
    "Cox's, of a lognormal": cox,
}
HEADER = ["loss over seeds", *METHODS]


def rows(repeats: int, seed: int) -> list[list[str]]:
    """A row for each distribution, with the shares at 3, 5 and 10 seeds."""
    found = []
    for losses in (*OF_ONE_KIND, *OF_TWO_KINDS):
        drawn = [losses.draw(np.random.default_rng([seed, n]), (repeats, n)) for n in SEEDS]
        shares = [
            [_share(method, values, losses.mean) for values in drawn] for method in METHODS.values()
        ]
        found.append([losses.name, *map(written, shares)])
    return found


REACH_HEADER = ["upper end at 3 seeds", "Student's t", "bootstrap-t", "Cox's"]


def reach_rows(repeats: int, seed: int) -> list[list[str]]:
    """How far up an interval of three seeds typically goes, in true means: the median over repeats."""
    found = []
    for losses in OF_ONE_KIND:
        values = losses.draw(np.random.default_rng([seed, 3]), (min(repeats, CHUNK), 3))
        ends = [
            np.median(method(values)[1]) / losses.mean for method in (student, bootstrap_t, cox)
        ]
        found.append([losses.name, *("no end" if end > 1000 else f"{end:.1f}" for end in ends)])
    return found


def _share(method: Callable[[np.ndarray], Bounds], values: np.ndarray, true: float) -> float:
    held = []
    for start in range(0, len(values), CHUNK):
        low, high = method(values[start : start + CHUNK])
        held.append((low <= true) & (true <= high))
    return float(np.concatenate(held).mean())


TOLD_HEADER = ["8 of 10 solved, else at chance", "3, 5 and 10 seeds"]


def told_rows(repeats: int, seed: int) -> list[list[str]]:
    """The same mixture as the report tells it: its rate, and each kind's own mean."""
    shares: dict[str, list[float]] = {"rate": [], "loss where solved": [], "loss where not": []}
    for n in SEEDS:
        rng = np.random.default_rng([seed, n])
        held: dict[str, list[bool]] = {name: [] for name in shares}
        for _ in range(repeats):
            solved = int((rng.random(n) < 0.8).sum())
            held["rate"].append(_holds(wilson(solved, n), 0.8))
            for name, draw, count, mean in (
                ("loss where solved", SOLVED, solved, SOLVED_MEAN),
                ("loss where not", BLIND, n - solved, CHANCE),
            ):
                if count > 1:
                    values = draw(rng, (count,)).tolist()
                    held[name].append(_holds(mean_interval(values), mean))
        for name, all_held in held.items():
            shares[name].append(float(np.mean(all_held)))
    return [[name, written(found)] for name, found in shares.items()]


def _holds(bounds: tuple[float, float], true: float) -> bool:
    return bounds[0] <= true <= bounds[1]


def written(shares: Sequence[float]) -> str:
    """`.95 .95 .94`"""
    return " ".join(f"{share:.2f}".removeprefix("0") for share in shares)
