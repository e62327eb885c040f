"""How the cost of an update grows with length, hidden units and batch, and of a sweep with its runs."""

import itertools
import statistics
import time
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from benchmarks.case import Case
from benchmarks.sweep import seconds_of_sweep
from rnnlab.foundation.compute import keep_freed_memory, set_num_threads
from rnnlab.runs.factory import make_module
from rnnlab.tasks.stream import Stream
from rnnlab.training.gradient import Gradient
from rnnlab.training.module import TrainingModule
from rnnlab.training.update import Update

STEPS = {
    "seq_len": (100, 200, 500, 1000, 2000),
    "hidden_size": (16, 32, 64, 128, 256, 512),
    "batch_size": (1, 4, 16, 64, 256),
}
CELLS = ("elman", "gru", "lstm")
RUNS = (1, 2, 4, 8, 16)
BASE: dict[str, Any] = {"hidden_size": 50, "batch_size": 20, "seq_len": 100}


class Updates:
    """Updates of one case, without Lightning around them."""

    def __init__(self, case: Case, recompute_steps: int | None = None) -> None:
        self.module: TrainingModule = make_module(case.config())
        module = self.module
        optimizer: Any = _Uncounted(module.configure_optimizers())
        self.stream = Stream(module.task, case.batch_size, 0, "train")
        self.made = 0
        clip = module.blocks.gradient.clip
        gradient = Gradient(module.model, module.task, clip, recompute_steps)
        for _ in range(2):  # the second finds Adam's state, as all blocks but a run's first do
            self.update = Update(gradient, optimizer, None)
            self.seconds(1)

    def seconds(self, count: int) -> float:
        """The mean over so many updates."""
        began = time.perf_counter()
        for batch in self.stream.batches(self.made, self.made + count):
            self.update(batch, counted=False)
        self.made += count
        return (time.perf_counter() - began) / count


class _Uncounted:
    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self.optimizer = optimizer


def growth_of_update(cell: str, size: str, values: Sequence[int], rounds: int) -> dict[int, float]:
    """Seconds an update at each value of one size, the others at BASE; the median over rounds."""
    set_num_threads(1)
    keep_freed_memory()
    cases = {n: Case(cell, "adding", **(BASE | {size: n})) for n in values}
    updates = {n: Updates(case) for n, case in cases.items()}
    times: dict[int, list[float]] = {n: [] for n in values}
    for _ in range(rounds):
        for n, updates_of_case in updates.items():
            updates_of_case.seconds(2)  # the caches are another's
            times[n].append(updates_of_case.seconds(max(2, cases[n].block // 4)))
    return {n: statistics.median(seconds) for n, seconds in times.items()}


def growth(rounds: int) -> dict[str, Any]:
    """By cell and size, and of sweeps by the number of their runs."""
    found: dict[str, Any] = {
        cell: {size: growth_of_update(cell, size, n, rounds) for size, n in STEPS.items()}
        for cell in CELLS
    }
    for jobs in (1, 2):
        found[f"runs, n_jobs={jobs}"] = {n: seconds_of_sweep(n, jobs) for n in RUNS}
    return found


def per_step(times: Mapping[int, float]) -> tuple[float, list[float]]:
    """Seconds that an update costs whatever T, and what a time step adds, between each two T.

    At T = 100 the optimizer, clipping and the batch are half of an update of Elman's network, so that
    T alone does not divide it.
    """
    lengths = sorted(times)
    pairs = itertools.pairwise(lengths)
    added = [(times[b] - times[a]) / (b - a) for a, b in pairs]
    whole = (times[lengths[-1]] - times[lengths[0]]) / (lengths[-1] - lengths[0])
    return times[lengths[0]] - whole * lengths[0], added
