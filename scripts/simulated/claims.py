"""How often a report claims an order: of equal variants, and with as many seeds as it advises."""

from collections.abc import Callable, Sequence

import numpy as np

from rnnlab.foundation.statistics import SIGNIFICANT
from rnnlab.report.group import Group
from rnnlab.report.judged import Judged, judge, seeds_for
from rnnlab.report.read_runs import Run
from simulated.losses import BLIND, CHANCE, HALFWAY, Draw, either, lognormal, normal

SIZES = ((2, 3), (2, 5), (4, 5), (8, 5), (8, 20))  # variants, and seeds of each
MADE = normal(CHANCE, 0.05)


def group(name: str, solved: Sequence[bool], steps: np.ndarray, losses: np.ndarray) -> Group:
    """A variant, of which a run each has solved the task, after so many updates, or has a loss."""
    runs = []
    for seed, (done, step, loss) in enumerate(zip(solved, steps, losses, strict=True)):
        metrics = {"test/solved": float(done), "test/loss": float(loss)}
        if done:
            metrics["steps_to_solve"] = float(step)
        params = {"train.steps": "4000", "chance": str(CHANCE)}
        runs.append(Run(f"{name}{seed}", "", "FINISHED", 0, name, "t", 1, seed, params, metrics))
    return Group(name, "t", 1, tuple(runs))


def drawn(
    name: str, rng: np.random.Generator, seeds: int, rate: float, losses: Draw = MADE
) -> Group:
    """Of runs that solve the task at that rate."""
    steps = lognormal(1000, 0.3)(rng, (seeds,))
    return group(name, (rng.random(seeds) < rate).tolist(), steps, losses(rng, (seeds,)))


HEADER = ["equal variants", *(f"{variants} of {seeds} seeds" for variants, seeds in SIZES)]
EQUAL: dict[str, tuple[float, Draw]] = {
    "all solve the task": (1.0, MADE),
    "nine of ten solve it": (0.9, MADE),
    "half solve it": (0.5, MADE),
    "none, losses normal": (0.0, normal(0.1, 0.01)),
    "none, losses lognormal": (0.0, lognormal(0.05, 1)),
    "none, half at chance": (0.0, either(HALFWAY, BLIND, 0.5)),
}


def false_rows(repeats: int, seed: int) -> list[list[str]]:
    """In what share of comparisons of equal variants any order is claimed."""
    found = []
    for name, (rate, losses) in EQUAL.items():
        shares = []
        for variants, seeds in SIZES:
            if rate in (0, 1) and seeds > 5:  # permutations of so many take minutes
                shares.append("")
                continue
            rng = np.random.default_rng([seed, variants, seeds])
            false = [
                any(
                    pair.apart
                    for pair in judge(
                        [drawn(str(i), rng, seeds, rate, losses) for i in range(variants)]
                    )
                )
                for _ in range(repeats)
            ]
            shares.append(f"{np.mean(false):.3f}".removeprefix("0"))
        found.append([name, *shares])
    return found


def unlike_rows(repeats: int, seed: int) -> list[list[str]]:
    """Where means are equal and spreads are not: one variant is at chance, one has two peaks about it."""
    low, high = normal(CHANCE - 0.1, 0.01), normal(CHANCE + 0.1, 0.01)
    found = []
    for name, peaks in (
        ("one at chance, one with two peaks", either(low, high, 0.5)),
        (
            "one at chance, one with 1 run of 10 far off",
            either(normal(CHANCE - 0.01, 0.001), normal(CHANCE + 0.09, 0.001), 0.9),
        ),
    ):
        shares = []
        for seeds in UNLIKE:
            rng = np.random.default_rng([seed, seeds])
            pairs = (
                judge([drawn("a", rng, seeds, 0, BLIND), drawn("b", rng, seeds, 0, peaks)])
                for _ in range(repeats)
            )
            shares.append(f"{np.mean([pair.apart for (pair,) in pairs]):.3f}".removeprefix("0"))
        found.append([name, *shares])
    return found


UNLIKE = (4, 5, 10)
UNLIKE_HEADER = ["equal means, unlike spreads", *(f"2 of {seeds} seeds" for seeds in UNLIKE)]
ADVICE_HEADER = ["variants", "pair", "advised", "claimed in"]
Make = Callable[[int], list[Group]]


def advice_rows(repeats: int, seed: int) -> list[list[str]]:
    """What a report advises whose means, spreads and rates are the true ones, and what comes of it."""
    found = []
    for name, rates, means in (
        ("2, losses 1 spread apart", (0, 0), (0, 1)),
        ("4, losses 1.5 spreads apart", (0, 0, 0, 0), (0, 1.5, 3, 4.5)),
        ("2, rates of 0.8 and 0.2", (0.8, 0.2), (0, 0)),
        ("4, rates of 1, 0.8, 0.2 and 0", (1, 0.8, 0.2, 0), (0, 0, 0, 0)),
    ):
        cases = list(zip(map(str, range(len(rates))), rates, means, strict=True))
        pairs = judge([_exactly(name, rate, mean) for name, rate, mean in cases])
        advised = seeds_for(pairs)
        wanted = [(pair, n) for pair, n in zip(pairs, advised, strict=True) if n]
        for pair, n in {n: (pair, n) for pair, n in wanted}.values():
            share = _claimed(pair, n, cases, repeats, np.random.default_rng([seed, n]))
            labels = f"{int(pair.a.label) + 1} and {int(pair.b.label) + 1}"
            found.append([name, labels, str(n), f"{share:.2f}".removeprefix("0")])
    return found


def _exactly(name: str, rate: float, mean: float) -> Group:
    """Five seeds of just that rate, or of just that mean and a spread of 1."""
    values = np.array([-1.0, -0.5, 0, 0.5, 1])
    values = mean + values / values.std(ddof=1)
    return group(name, [i < round(5 * rate) for i in range(5)], np.full(5, 1000.0), values)


def _claimed(
    pair: Judged,
    n: int,
    cases: Sequence[tuple[str, float, float]],
    repeats: int,
    rng: np.random.Generator,
) -> float:
    """In what share of comparisons with n seeds of each the pair is told apart."""
    count = 0
    for _ in range(repeats):
        groups = [drawn(name, rng, n, rate, normal(mean, 1)) for name, rate, mean in cases]
        found = {(p.a.label, p.b.label): p.p for p in judge(groups)}
        count += found[pair.a.label, pair.b.label] < SIGNIFICANT
    return count / repeats
