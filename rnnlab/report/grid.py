"""Runs sorted into the groups of a comparison: variant x task x length, over seeds."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product, takewhile

from rnnlab.foundation.crossing import Crossing, crossing
from rnnlab.report.group import Group, Place
from rnnlab.report.read_runs import Run
from rnnlab.report.settings import settings_of, with_defined_tasks

HALF = 0.5


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

    groups: tuple[Group, ...]  # by task and length, the best outcome first
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
    def tasks(self) -> list[str]:
        return sorted({group.task for group in self.groups})

    def has_criterion(self, task: str) -> bool:
        """Whether a task says when it counts as solved."""
        return all(group.has_criterion for group in self.groups if group.task == task)

    def lengths(self, task: str) -> list[int]:
        """All that were tried."""
        return [length for name, length in self.places if name == task]

    @cached_property
    def seeds(self) -> list[int]:
        return sorted({run.seed for group in self.groups for run in group.runs})

    def group(self, label: str, place: Place) -> Group | None:
        return next((g for g in self.groups if g.label == label and g.place == place), None)

    def at(self, place: Place) -> list[Group]:
        """The groups to be compared with one another, by their labels."""
        groups = [group for group in self.groups if group.place == place]
        return sorted(groups, key=lambda group: group.label)

    @cached_property
    def missing(self) -> list[str]:
        """The seeds that some groups have and others lack: `gru · adding 50, 100: seeds 3, 4`."""
        lengths: dict[tuple[str, str, str], list[str]] = defaultdict(list)
        for label, (task, length) in product(self.labels, self.places):
            group = self.group(label, (task, length))
            if group is None and self.search_share:
                continue
            had = {run.seed for run in group.runs} if group else set()
            # A search has more seeds at some lengths, always from 0 on.
            wanted = range(max(had)) if self.search_share else self.seeds
            lacking = [str(seed) for seed in wanted if seed not in had]
            if lacking:
                every = not had
                seeds = "all seeds" if every else f"seeds {', '.join(lacking)}"
                lengths[label, task, seeds].append(str(length))
        return [f"{label} · {task} {', '.join(n)}: {s}" for (label, task, s), n in lengths.items()]

    @cached_property
    def unfinished(self) -> list[Run]:
        return [run for group in self.groups for run in group.runs if not run.finished]

    def horizon(self, label: str, task: str) -> Horizon | None:
        """Up to which length `share` of the seeds solved a task; None if no run has finished."""
        tried = self._tried(label, task)
        if not any(group.finished for group in tried):
            return None
        solved = list(takewhile(lambda group: group.is_solved(self.share), tried))
        rest = tried[len(solved) :]
        later = tuple(group.length for group in rest[1:] if group.is_solved(self.share))
        reached, beyond = solved[-1] if solved else None, rest[0] if rest else None
        return Horizon(reached, beyond, self.share, later)

    def estimate(self, label: str, task: str) -> Crossing | None:
        """The length that `share` of the seeds solve, from all lengths; None if no run has finished."""
        trials = {g.length: g.solved for g in self._tried(label, task) if g.finished}
        return crossing(trials, self.share) if trials else None

    def undecided(self, label: str, task: str) -> Group | None:
        """The shortest length that has too many runs without a result."""
        tried = self._tried(label, task)
        return next((group for group in tried if group.is_solved(self.share) is None), None)

    def _tried(self, label: str, task: str) -> list[Group]:
        return [group for group in self.groups if (group.label, group.task) == (label, task)]


def make_grid(runs: Sequence[Run], search_share: float | None = None) -> Grid:
    """Sort runs into groups; of two runs of the same setting and seeds the newest finished counts.

    Args:
        runs: In any order.
        search_share: The share of seeds by which a search for horizons chose its lengths, if one did.
    """
    runs = with_defined_tasks(runs)
    settings = settings_of(runs)
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
        for (label, task, length), of_seed in places.items()
    ]
    groups.sort(key=lambda group: (group.place, group.outcome))
    return Grid(tuple(groups), tuple(sorted(repeated, key=lambda r: r.run_id)), search_share)
