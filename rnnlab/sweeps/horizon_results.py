"""The horizons that a sweep has found: each with its bracket, the lengths tried, and its budget."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rnnlab.foundation.files import try_to_write
from rnnlab.foundation.json_file import write_content
from rnnlab.foundation.run_folder import SweepFolder
from rnnlab.foundation.table import markdown_table
from rnnlab.sweeps.combinations import Combination
from rnnlab.sweeps.horizon_search import HorizonSearch


@dataclass
class SeedCount:
    """What became of one length: how many seeds solved it, ran, and failed to run."""

    solved: int = 0
    seeds: int = 0
    failed: int = 0

    def add(self, solved: bool | None) -> None:
        """One seed more; None for a job that failed."""
        self.solved += solved is True
        self.failed += solved is None
        self.seeds += 1


@dataclass
class HorizonResult:
    """One combination's search, and every length that was tried, in order."""

    combination: Combination
    search: HorizonSearch
    counts: dict[int, SeedCount] = field(default_factory=dict)

    @property
    def searching(self) -> bool:
        return self.search.length is not None

    @property
    def found(self) -> bool:
        return not self.searching and self.search.undecided is None

    @property
    def failed(self) -> int:
        return sum(count.failed for count in self.counts.values())

    def bracket(self) -> str:
        """`50 to 60`: solved at 50, not at 60; `, undecided at 55` where too many jobs failed."""
        low, high, undecided = self.search.low, self.search.high, self.search.undecided
        ends = f"{low} or more" if high is None else f"{low} to {high}"
        return ends if undecided is None else f"{ends}, undecided at {undecided}"

    def lengths_text(self) -> str:
        """`10:5/5 20:2/5 (1 failed)`: seeds that solved each length, of those that were run."""
        return " ".join(
            f"{length}:{c.solved}/{c.seeds}" + (f" ({c.failed} failed)" if c.failed else "")
            for length, c in self.counts.items()
        )

    def as_dict(self) -> dict[str, Any]:
        combination = self.combination
        return {
            "label": combination.label,
            "variant": combination.variant,
            "task": combination.task,
            "overrides": list(combination.overrides),
            "key": combination.key,
            "train_steps": combination.steps,
            "found": self.found,
            "horizon": self.search.low,
            "unsolved": self.search.high,
            "undecided": self.search.undecided,
            "failed": self.failed,
            "probes": [{"length": n, **vars(count)} for n, count in self.counts.items()],
        }


@dataclass
class HorizonResults:
    """The result of every combination, and the settings of the search."""

    results: Sequence[HorizonResult]
    settings: dict[str, Any]

    def tables(self) -> list[str]:
        """The table, as wide as a terminal, and what its lengths are."""
        # MLflow with it, for which --help need not wait
        from rnnlab.report.digest import WIDTH, filled

        header = ["variant", "task", "horizon", "bracket", "probes"]
        rows = [self._row(horizon) for horizon in self.results]
        combinations = [horizon.combination for horizon in self.results]
        keys = ", ".join(sorted({combination.key for combination in combinations}))
        steps = " or ".join(map(str, sorted({combination.steps for combination in combinations})))
        note = (
            f"Lengths are {keys}. A probe is a length and how many seeds solved it, "
            f"of {self.settings['seeds']} with at most {steps} updates each."
        )
        return [markdown_table(header, rows, WIDTH), filled(note, WIDTH)]

    def _row(self, horizon: HorizonResult) -> list[str]:
        combination, bracket = horizon.combination, horizon.bracket()
        return [
            *(combination.setting, combination.task),
            str(horizon.search.low) if horizon.found else "-",
            f"{bracket}, unfinished" if horizon.searching else bracket,
            horizon.lengths_text() or "-",
        ]

    def write(self, folder: SweepFolder) -> None:
        horizons = [horizon.as_dict() for horizon in self.results]
        content = {**self.settings, "horizons": horizons}
        try_to_write(lambda: write_content(folder.horizon, content))

    def metrics(self) -> dict[str, float]:
        """`memory/horizon/<label>`, and the other end of the bracket where there is one."""
        metrics: dict[str, float] = {}
        for horizon in self.results:
            if horizon.found:
                label, search = horizon.combination.label, horizon.search
                metrics[f"memory/horizon/{label}"] = search.low
                if search.high is not None:
                    metrics[f"memory/horizon_unsolved/{label}"] = search.high
        return metrics

    def params(self) -> dict[str, str]:
        """The settings, and the budget, as MLflow gets them."""
        steps = sorted({horizon.combination.steps for horizon in self.results})
        settings = {f"hydra.sweeper.{key}": str(value) for key, value in self.settings.items()}
        return {**settings, "train.steps": ",".join(map(str, steps))}
