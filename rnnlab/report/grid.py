"""Runs sorted into the groups of a comparison: variant x task x length, over seeds."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product, takewhile

from rnnlab.foundation.statistics import (
    Interval,
    bootstrap_mean,
    median_time,
    solved_by_share,
    wilson,
)
from rnnlab.report.read_runs import Run

HALF = 0.5

# Params that tell runs apart in no way that matters to a comparison, or that follow from the
# variant, the task, the length and the seed. A run's own key of its length is one of them.
NEVER_COMPARED = {
    *("seed", "train.data_seed", "num_params", "length", "length_key", "seq_len", "chance"),
    *("variant", "variant_on_task", "cell", "task", "task._target_", "clip", "experiment"),
    *(
        "resume",
        "resume.run",
        "resume.allow_changes",
        "num_threads",
        "flush_denormal",
        "allow_targets",
    ),
}
NEVER_COMPARED_SECTIONS = ("tracking", "diagnostics", "trainer.accelerator", "trainer.devices")

Place = tuple[str, int]  # a task and a length


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
    def budget(self) -> int:
        return max(run.budget for run in self.runs)

    @property
    def solved(self) -> tuple[int, int]:
        """Successes and trials."""
        return sum(run.solved for run in self.finished), len(self.finished)

    def is_solved(self, share: float) -> bool | None:
        """By at least a share of the seeds; None where those without a result could turn that."""
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
    def loss_interval(self) -> Interval | None:
        """Of the mean; one value has none."""
        return bootstrap_mean(self.losses) if len(self.losses) > 1 else None

    @property
    def median_steps(self) -> float | None:
        """Updates to solve the task; a run that has not solved it counts as longer than it ran."""
        times = [r.metrics["steps_to_solve"] for r in self.finished if r.solved]
        return median_time(times, [float(r.budget) for r in self.finished if not r.solved])

    def values(self, metric: str) -> list[float]:
        """What the finished runs measured."""
        return [run.metrics[metric] for run in self.finished if metric in run.metrics]

    def measured(self, metric: str) -> list[float]:
        """What diagnostics saw of tested models; a run may have diverged before there was one."""
        tested = [run for run in self.finished if "test/loss" in run.metrics]
        return [run.metrics[metric] for run in tested if metric in run.metrics]

    def values_of_param(self, name: str) -> list[float]:
        return [float(run.params[name]) for run in self.runs if name in run.params]

    def ended(self, *statuses: str) -> int:
        return sum(run.status in statuses for run in self.runs)


@dataclass(frozen=True)
class Horizon:
    """The largest length solved, with all that are shorter, and the next that was tried."""

    reached: Group | None
    beyond: Group | None
    share: float
    later: tuple[int, ...]  # lengths solved beyond the one that was not

    @property
    def length(self) -> int:
        """0 if no length was solved."""
        return self.reached.length if self.reached else 0

    @property
    def undecided(self) -> bool:
        """Whether the next length has too many runs without a result."""
        return self.beyond is not None and self.beyond.is_solved(self.share) is None


@dataclass(frozen=True)
class Grid:
    """All groups, and what is missing from their product."""

    groups: tuple[Group, ...]
    repeated: tuple[Run, ...]  # left out: another of the same setting and seeds counts
    search_share: float | None = None
    """The share of seeds that a search for horizons asked for: each group has lengths of its own."""

    @property
    def share(self) -> float:
        """Of the seeds, that must solve a length."""
        return self.search_share or HALF

    @cached_property
    def labels(self) -> list[str]:
        return sorted({group.label for group in self.groups})

    @cached_property
    def places(self) -> list[Place]:
        return sorted({group.place for group in self.groups})

    @cached_property
    def seeds(self) -> list[int]:
        return sorted({run.seed for group in self.groups for run in group.runs})

    def group(self, label: str, place: Place) -> Group | None:
        return next((g for g in self.groups if g.label == label and g.place == place), None)

    def at(self, place: Place) -> list[Group]:
        """The groups to be compared with one another."""
        return [group for group in self.groups if group.place == place]

    @cached_property
    def missing(self) -> list[str]:
        """The seeds that some groups have and others lack: `gru · adding 50, 100: seeds 3, 4`."""
        lengths: dict[tuple[str, str, str], list[str]] = defaultdict(list)
        for label, (task, length) in product(self.labels, self.places):
            group = self.group(label, (task, length))
            if group is None and self.search_share:
                continue
            had = {run.seed for run in group.runs} if group else set()
            lacking = [str(seed) for seed in self.seeds if seed not in had]
            if lacking:
                every = len(lacking) == len(self.seeds)
                seeds = "all seeds" if every else f"seeds {', '.join(lacking)}"
                lengths[label, task, seeds].append(str(length))
        return [f"{label} · {task} {', '.join(n)}: {s}" for (label, task, s), n in lengths.items()]

    @cached_property
    def unfinished(self) -> list[Run]:
        return [run for group in self.groups for run in group.runs if not run.finished]

    def horizon(self, label: str, task: str) -> Horizon | None:
        """Up to which length `share` of the seeds solved a task; None if no run has finished."""
        tried = [group for group in self.groups if (group.label, group.task) == (label, task)]
        if not any(group.finished for group in tried):
            return None
        solved = list(takewhile(lambda group: group.is_solved(self.share), tried))
        rest = tried[len(solved) :]
        later = tuple(group.length for group in rest[1:] if group.is_solved(self.share))
        reached, beyond = solved[-1] if solved else None, rest[0] if rest else None
        return Horizon(reached, beyond, self.share, later)


def make_grid(runs: Sequence[Run], search_share: float | None = None) -> Grid:
    """Sort runs into groups; of two runs of the same setting and seeds the newest finished counts.

    Args:
        runs: In any order.
        search_share: The share of seeds by which a search for horizons chose its lengths, if one did.
    """
    runs = _defined(runs)
    settings = _settings(runs)
    places: dict[tuple[str, str, int], dict[tuple[int, str], Run]] = defaultdict(dict)
    repeated = []
    for run in sorted(runs, key=lambda r: (r.finished, r.started, r.run_id)):
        of_seed = places[settings[run.run_id], run.task, run.length]
        seeds = run.seed, run.params.get("train.data_seed", "")
        if seeds in of_seed:
            repeated.append(of_seed[seeds])
        of_seed[seeds] = run
    groups = [
        Group(label, task, length, tuple(run for _, run in sorted(of_seed.items())))
        for (label, task, length), of_seed in sorted(places.items())
    ]
    return Grid(tuple(groups), tuple(sorted(repeated, key=lambda r: r.run_id)), search_share)


def _defined(runs: Sequence[Run]) -> list[Run]:
    """The runs with whatever differs in the definition of a task in its name.

    `adding variant=bai2018`: another definition is another task, of another chance; losses on the
    two are not to be compared.
    """
    of_task: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        of_task[run.task].append(run)
    named = []
    for task, same in of_task.items():
        differing = sorted(key for key in _differing(same) if key.startswith("task."))
        for run in same:
            choices = [f"{k[5:]}={run.params[k]}" for k in differing if k in run.params]
            named.append(replace(run, task=" ".join([task, *choices])))
    return named


def _settings(runs: Sequence[Run]) -> dict[str, str]:
    """By run id, its variant and whatever else differs among runs that would share a group."""
    together: dict[tuple[str, str, int], list[Run]] = defaultdict(list)
    for run in runs:
        together[run.variant, run.task, run.length].append(run)
    keys: set[str] = set()
    for group in together.values():
        keys |= {key for key in _differing(group) if not key.startswith(NEVER_COMPARED_SECTIONS)}
    return {
        run.run_id: " ".join(
            [
                run.variant,
                *(f"{key}={run.params[key]}" for key in sorted(keys) if key in run.params),
            ]
        )
        for run in runs
    }


def _value(run: Run, key: str) -> str | None:
    """A param; of a class of rnnlab's its name alone, as rnnlab 0.1 had them in other modules."""
    value = run.params.get(key)
    if value is not None and key.endswith("._target_"):
        return re.sub(r"^rnnlab\..*\.", "rnnlab.", value)
    return value


def _differing(runs: Sequence[Run]) -> set[str]:
    """The params in which runs differ, but for those that matter to no comparison."""
    keys = set().union(*(run.params for run in runs)) - NEVER_COMPARED
    keys -= {run.length_key for run in runs}
    return {
        key
        for key in keys
        if len({_value(run, key) for run in runs}) > 1
        and not all(run.params.get(key) == str(run.seed) for run in runs)  # ${seed}
    }
