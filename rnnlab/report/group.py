"""The runs of one setting on one task at one length, and what they come to over seeds."""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import fmean, median

from rnnlab.foundation.censored import CENSORED
from rnnlab.foundation.statistics import (
    Interval,
    median_time,
    solved_by_share,
    wilson,
)
from rnnlab.report.read_runs import Run

Place = tuple[str, int]  # a task and a length
AT_CHANCE = 0.95  # of chance: a loss above it is at the level of chance
NEAR_CHANCE = f"{100 * AT_CHANCE:.0f} % of chance"


@dataclass(frozen=True)
class Group:
    """The runs of one setting on one task at one length, a run a seed."""

    label: str
    task: str
    length: int
    runs: tuple[Run, ...]

    @cached_property
    def finished(self) -> tuple[Run, ...]:
        return tuple(run for run in self.runs if run.finished)

    @property
    def place(self) -> Place:
        return self.task, self.length

    @property
    def chance(self) -> float | None:
        return next((run.chance for run in self.runs if run.chance is not None), None)

    @property
    def chance_error(self) -> float | None:
        """The error of the answer whose loss is chance."""
        return next((r.chance_error for r in self.runs if r.chance_error is not None), None)

    @property
    def baselines(self) -> dict[str, float]:
        """Further levels of the task, by name."""
        return next((run.baselines for run in self.runs if run.baselines), {})

    @cached_property
    def has_criterion(self) -> bool:
        """Whether the task says when it counts as solved: else no run has solved it, or has not."""
        return all(run.has_criterion for run in self.runs)

    @property
    def budget(self) -> int:
        return max(run.budget for run in self.runs)

    @property
    def solved(self) -> tuple[int, int]:
        """Successes and trials, of which a task without a criterion has none."""
        if not self.has_criterion:
            return 0, 0
        return sum(run.solved for run in self.finished), len(self.finished)

    def is_solved(self, share: float) -> bool | None:
        """By at least a share of the seeds; None where those without a result could turn that.

        Of a task without a criterion nothing is ever known.
        """
        successes, trials = self.solved
        return solved_by_share(successes, len(self.runs), len(self.runs) - trials, share)

    @property
    def solved_interval(self) -> Interval:
        successes, trials = self.solved
        return wilson(successes, trials) if trials else (0.0, 1.0)

    @cached_property
    def losses(self) -> list[float]:
        return self.values("test/loss")

    @cached_property
    def by_outcome(self) -> "list[Group]":
        """Its finished runs that have solved the task, and those that have not: one or both.

        What they measured has two peaks where both are, which no interval of few seeds covers.
        """
        kinds = [tuple(r for r in self.finished if r.solved is kind) for kind in (True, False)]
        return [replace(self, runs=runs) for runs in kinds if runs]

    @property
    def median_steps(self) -> float | None:
        """Updates to solve the task; a run that has not solved it counts as longer than it ran."""
        if not self.has_criterion:
            return None
        times = [r.metrics["steps_to_solve"] for r in self.finished if r.solved]
        return median_time(times, [float(r.budget) for r in self.finished if not r.solved])

    @property
    def outcome(self) -> tuple[float, float, float, str]:
        """Sorts the best first: most often solved, then in the fewest updates, then by the loss."""
        successes, trials = self.solved
        steps = self.median_steps
        return (
            -successes / trials if trials else 1.0,
            math.inf if steps is None else steps,
            fmean(self.losses) if self.losses else math.inf,
            self.label,
        )

    @property
    def is_at_chance(self) -> bool:
        """Whether no run has solved the task or has a loss that is below the level of chance."""
        if self.solved[0] or not self.losses or self.chance is None:
            return False
        return min(self.losses) > AT_CHANCE * self.chance

    @property
    def gradient_norm(self) -> float | None:
        """Before clipping: the median over runs of a run's median over its blocks of updates."""
        norms = [run.gradient_norm for run in self.finished]
        known = [norm for norm in norms if norm is not None]
        return median(known) if known else None

    @property
    def min_seq_len(self) -> int | None:
        """The steps that the lengths of its batches began at; None where all were of one length."""
        values = (run.params.get("train.min_seq_len", "null") for run in self.runs)
        return next((int(value) for value in values if value.isdecimal()), None)

    @cached_property
    def other_lengths(self) -> list[int]:
        """Steps of the sequences, besides its own length's, that the trained models were tested on."""
        return sorted({length for run in self.finished for length in run.other_lengths})

    def values(self, metric: str) -> list[float]:
        """What the finished runs measured, and is a number: rnnlab records no other."""
        found = [run.metrics[metric] for run in self.finished if metric in run.metrics]
        return [value for value in found if math.isfinite(value)]

    def values_at(self, length: int, measure: str) -> list[float]:
        """Of `length/<length>/<measure>`; of a bias its size, as biases of two signs are none in the mean."""
        values = self.values(f"length/{length}/{measure}")
        return [abs(value) for value in values] if measure == "bias" else values

    def measured(self, metric: str) -> list[float]:
        """What diagnostics saw of tested models; a run may have diverged before there was one."""
        tested = [run for run in self.finished if "test/loss" in run.metrics]
        return [run.metrics[metric] for run in tested if metric in run.metrics]

    def censored(self, metric: str) -> int:
        """Of how many of the measured values it is known only that the true one is larger."""
        return sum(value == 1 for value in self.measured(metric + CENSORED))

    def values_of_param(self, name: str) -> list[float]:
        return [float(run.params[name]) for run in self.runs if name in run.params]

    def ended(self, *statuses: str) -> int:
        return sum(run.status in statuses for run in self.runs)
