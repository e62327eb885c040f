"""The horizons that a sweep has found: each with its bracket, its probes and its budget."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rnnlab.foundation.files import as_the_disk_can, write_text
from rnnlab.foundation.table import markdown_table
from rnnlab.sweeps.combinations import Combination
from rnnlab.sweeps.horizon_search import HorizonSearch


@dataclass
class Probe:
    """What became of one length: how many seeds solved it, ran, and failed to run."""

    solved: int = 0
    seeds: int = 0
    failed: int = 0

    def count(self, solved: bool | None) -> None:
        """One seed more; None for a job that failed."""
        self.solved += solved is True
        self.failed += solved is None
        self.seeds += 1


@dataclass
class Horizon:
    """One combination's search, and every length that was asked about, in order."""

    combination: Combination
    search: HorizonSearch
    probes: dict[int, Probe] = field(default_factory=dict)

    @property
    def searching(self) -> bool:
        return self.search.length is not None

    @property
    def found(self) -> bool:
        return not self.searching and self.search.undecided is None

    @property
    def failed(self) -> int:
        return sum(probe.failed for probe in self.probes.values())

    def bracket(self) -> str:
        """`50 to 60`: solved at 50, not at 60; `, undecided at 55` where too many jobs failed."""
        low, high, undecided = self.search.low, self.search.high, self.search.undecided
        told = f"{low} or more" if high is None else f"{low} to {high}"
        return told if undecided is None else f"{told}, undecided at {undecided}"

    def told(self) -> str:
        """`10:5/5 20:2/5 (1 failed)`: seeds that solved each length, of those that were run."""
        return " ".join(
            f"{length}:{p.solved}/{p.seeds}" + (f" ({p.failed} failed)" if p.failed else "")
            for length, p in self.probes.items()
        )

    def as_dict(self) -> dict[str, Any]:
        one = self.combination
        return {
            "label": one.label,
            "variant": one.variant,
            "task": one.task,
            "overrides": list(one.overrides),
            "key": one.key,
            "train_steps": one.steps,
            "found": self.found,
            "horizon": self.search.low,
            "unsolved": self.search.high,
            "undecided": self.search.undecided,
            "failed": self.failed,
            "probes": [{"length": n, **vars(probe)} for n, probe in self.probes.items()],
        }


@dataclass
class Horizons:
    """All of them, and what was asked of each."""

    found: Sequence[Horizon]
    settings: dict[str, Any]

    def markdown(self) -> str:
        """A table, and what its numbers mean."""
        seeds, solved_by = self.settings["seeds"], self.settings["solved_by"]
        header = ["variant", "task", "horizon", "bracket", "probes", "budget"]
        rows = [
            [
                *(one.combination.setting, one.combination.task),
                str(one.search.low) if one.found else "-",
                f"{one.bracket()}, unfinished" if one.searching else one.bracket(),
                one.told() or "-",
                f"{one.combination.steps} updates x {seeds} seeds",
            ]
            for one in self.found
        ]
        keys = ", ".join(sorted({one.combination.key for one in self.found}))
        meaning = f"horizon: the largest {keys} that was solved by at least {solved_by:.0%} of "
        return f"{markdown_table(header, rows)}\n{meaning}the seeds within the budget\n"

    def write(self, folder: Path) -> Path:
        path = folder / "horizon.json"
        found = [one.as_dict() for one in self.found]
        text = json.dumps({**self.settings, "horizons": found}, indent=1)
        as_the_disk_can(lambda: write_text(path, text))
        return path

    def metrics(self) -> dict[str, float]:
        """`memory/horizon/<label>`, and the other end of the bracket where there is one."""
        metrics: dict[str, float] = {}
        for one in self.found:
            if one.found:
                metrics[f"memory/horizon/{one.combination.label}"] = one.search.low
                if one.search.high is not None:
                    metrics[f"memory/horizon_unsolved/{one.combination.label}"] = one.search.high
        return metrics

    def params(self) -> dict[str, str]:
        """The settings, and the budget, as MLflow gets them."""
        steps = sorted({one.combination.steps for one in self.found})
        settings = {f"hydra.sweeper.{key}": str(value) for key, value in self.settings.items()}
        return {**settings, "train.steps": ",".join(map(str, steps))}
