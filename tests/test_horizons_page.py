"""What a horizon is worth. Oracle: simulated solvers, of which the half-point is known."""

import importlib
import math
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "rnnlab" / "sweeps" / "README.md"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script that makes the page's table."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    return importlib.import_module("pages.horizons")


@pytest.mark.slow
def test_the_table_is_what_the_script_makes(made: ModuleType) -> None:
    """Where it is not: scripts/horizons writes it anew."""
    between = PAGE.read_text("utf-8").split(made.BEGIN)[1].split(made.END)[0]
    assert between == f"\n{made.table(made.SEARCHES)}\n\n"


@pytest.mark.parametrize(
    ("name", "seeds"),
    [("SLOPING", 3), ("SLOPING", 4), ("SLOPING", 5), ("STEEP", 5), ("WALL", 5), ("PLATEAU", 5)],
)
def test_the_interval_holds_the_half_point(made: ModuleType, name: str, seeds: int) -> None:
    """In at least 90 of a hundred searches: with 200, 95 % come out lower than that in 1 of 500."""
    solver, rng = getattr(made, name), np.random.default_rng(1)
    found = [made.search(solver, seeds, rng).horizon for _ in range(200)]
    ends = [(low, math.inf if high is None else high) for low, high in (f.interval for f in found)]
    assert np.mean([low <= solver.truth <= high for low, high in ends]) >= 0.9


@pytest.mark.parametrize("seeds", [2, 3, 4, 5, 6])
def test_the_estimate_leans_to_neither_side(made: ModuleType, seeds: int) -> None:
    """By no more than the grid of lengths is coarse, for even numbers of seeds as for odd ones."""
    rng = np.random.default_rng(1)
    found = [made.search(made.SLOPING, seeds, rng).horizon.estimate for _ in range(300)]
    assert 137 / 1.1 < np.median(found) < 137 * 1.1
    assert 137 / 1.1 < math.exp(np.mean(np.log(np.maximum(found, 1)))) < 137 * 1.1


def test_one_bad_seed_at_the_first_length_is_no_horizon_of_0(made: ModuleType) -> None:
    rng = np.random.default_rng(1)
    found = [made.search(made.BAD, 1, rng).horizon.estimate for _ in range(100)]
    assert min(found) > 50


@pytest.mark.parametrize("seeds", [3, 5])
def test_what_it_costs(made: ModuleType, seeds: int) -> None:
    """Oracle: doubling and bisection alone, written out."""
    rng = np.random.default_rng(1)
    jobs = np.mean([made.search(made.SLOPING, seeds, rng).jobs for _ in range(200)])
    alone = np.mean([_doubling_and_bisection(made.SLOPING, seeds, rng) for _ in range(200)])
    assert 1.2 < jobs / alone < 1.5


def _doubling_and_bisection(solver: Any, seeds: int, rng: np.random.Generator) -> int:
    low, high, jobs = 0, None, 0
    while True:
        length = (min(2 * low, 1000) or 10) if high is None else (low + high) // 2
        jobs += seeds
        if 2 * sum(solver.answers(length, range(seeds), rng)) >= seeds:
            low = length
        else:
            high = length
        if low == 1000 or (high is not None and (low == 0 or high - low <= 0.1 * low)):
            return jobs
