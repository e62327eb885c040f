"""What a horizon is worth: searches among simulated solvers, of which the truth is known.

The search and the estimate are rnnlab's own, with their defaults; only training is left out.
"""

import math
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median_low
from typing import NamedTuple

import numpy as np

from rnnlab.foundation.crossing import Crossing, Gap
from rnnlab.foundation.table import markdown_table
from rnnlab.sweeps.horizon_search import HorizonSearch
from rnnlab.sweeps.seed_search import SeedSearch

BEGIN, END = "<!-- horizons: made by scripts/horizons -->\n", "<!-- end of horizons -->\n"
HEADER = (
    *("rate of success", "half-point", "seeds", "jobs", "estimate (5 to 95 %)"),
    *("usual interval", "it holds the half-point", "the bracket does"),
)
SEARCHES = 150  # a row
START, LONGEST, TOLERANCE, SHARE = 10, 1000, 0.1, 0.5

Rate = Callable[[int], float]


class Solver(NamedTuple):
    """How often a seed solves a length, and the length at which that falls below a half."""

    name: str
    truth: int
    rate: Rate
    bad: bool = False
    """Whether seed 0 fails at the first length, whatever its rate."""

    def answers(self, length: int, seeds: range, rng: np.random.Generator) -> list[bool]:
        """Whether each seed solves the length; each is a trial of its own."""
        chances = rng.random(len(seeds))
        return [
            bool(chance < self.rate(length)) and not (self.bad and seed == 0 and length == START)
            for seed, chance in zip(seeds, chances, strict=True)
        ]


class Found(NamedTuple):
    """What one search comes to."""

    horizon: Crossing
    bracket: Gap
    jobs: int


def logistic(slope: float) -> Rate:
    """Half of the seeds solve 137; at twice the length the odds are 2^slope times smaller."""
    return lambda length: 1 / (1 + (length / 137) ** slope)


SLOPING, STEEP = (Solver(f"logistic, slope {n}", 137, logistic(n)) for n in (4, 8))
WALL = Solver("1 to 137, then 0", 137, lambda length: float(length <= 137))
PLATEAU = Solver("0.6 to 300, then 0", 300, lambda length: 0.6 * (length <= 300))
BAD = Solver("slope 8, seed 0 fails at 10", 137, logistic(8), bad=True)
CASES = (
    *((SLOPING, seeds) for seeds in (2, 3, 4, 5, 6, 10)),
    *((STEEP, seeds) for seeds in (3, 4, 5)),
    (WALL, 5),
    *((PLATEAU, seeds) for seeds in (3, 4, 5, 10)),
    *((BAD, seeds) for seeds in (1, 5)),
)


def search(solver: Solver, seeds: int, rng: np.random.Generator) -> Found:
    """One search, as the sweeper makes it."""
    going = SeedSearch(HorizonSearch(START, LONGEST, TOLERANCE), seeds, seeds, SHARE)
    answers: dict[int, list[bool]] = defaultdict(list)
    while asked := going.asked:
        for length, of in asked.items():
            new = range(len(answers[length]), len(of))
            answers[length] += solver.answers(length, new, rng)
        going.tell({length: answers[length] for length in asked})
    assert going.horizon is not None
    jobs = sum(count.seeds for count in going.counts.values())
    return Found(going.horizon, (going.search.low, going.search.high), jobs)


def row(solver: Solver, seeds: int, searches: int) -> list[str]:
    """What many searches come to."""
    rng = np.random.default_rng(seeds)
    found = [search(solver, seeds, rng) for _ in range(searches)]
    low, middle, high = np.percentile([one.horizon.estimate for one in found], [5, 50, 95])
    intervals = [one.horizon.interval for one in found]
    least = median_low([least for least, _ in intervals])
    most = median_low([math.inf if most is None else most for _, most in intervals])
    return [
        *(solver.name, str(solver.truth), str(seeds)),
        f"{np.mean([one.jobs for one in found]):.0f}",
        f"{middle:.0f} ({low:.0f} to {high:.0f})",
        f"{least} or more" if most == math.inf else f"{least} to {most}",
        _holding(intervals, solver.truth),
        _holding([one.bracket for one in found], solver.truth),
    ]


def table(searches: int) -> str:
    """A row for each case."""
    return markdown_table(HEADER, [row(*case, searches) for case in CASES])


def _holding(gaps: Sequence[Gap], truth: int) -> str:
    """How many of a hundred hold it."""
    holds = [low <= truth and (high is None or truth <= high) for low, high in gaps]
    return f"{100 * np.mean(holds):.0f} %"


if __name__ == "__main__":
    page = Path(sys.argv[1])
    before, rest = page.read_text(encoding="utf-8").split(BEGIN)
    _, after = rest.split(END)
    page.write_text(f"{before}{BEGIN}\n{table(SEARCHES)}\n\n{END}{after}", encoding="utf-8")
