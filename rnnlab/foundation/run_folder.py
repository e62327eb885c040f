"""The name of every file that a run, or a sweep, has in its folder."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rnnlab.foundation.here import here
from rnnlab.foundation.json_file import read_content

RUNS = Path("outputs", "runs")
"""Where runs lie that are given no folder, below the current one: a folder a day, in it one a run."""

CLAIMS = RUNS / ".begun"
"""What commands with resume=auto are at work, a file each."""


@dataclass(frozen=True)
class TrackedFolder:
    """What a run and a sweep both have in their folders."""

    path: Path

    @property
    def manifest(self) -> Path:
        """What MLflow is told of it besides its numbers."""
        return self.path / "tracking.json"

    @property
    def journal(self) -> Path:
        """Its metrics, a line each."""
        return self.path / "metrics.jsonl"

    @property
    def lock(self) -> Path:
        """Held by the process that is at work."""
        return self.path / ".lock"

    @property
    def delivery_lock(self) -> Path:
        """Held by the process that delivers it, where none is at work."""
        return self.path / ".delivery.lock"


class RunFolder(TrackedFolder):
    """A run's folder."""

    @property
    def config(self) -> Path:
        """The resolved config."""
        return self.path / "config.yaml"

    @property
    def hydra(self) -> Path:
        """The folder of what Hydra writes of its config."""
        return self.path / ".hydra"

    @property
    def overrides(self) -> Path:
        """What its command line said, as Hydra writes it down."""
        return self.hydra / "overrides.yaml"

    @property
    def result(self) -> Path:
        """How it stands or ended; a folder without it holds no run."""
        return self.path / "result.json"

    @property
    def failure(self) -> Path:
        """What it raised, in a line, and the traceback."""
        return self.path / "failure.txt"

    @property
    def output(self) -> Path:
        """What it printed as a job of a sweep."""
        return self.path / "output.txt"

    @property
    def packages(self) -> Path:
        """Every installed package and its version."""
        return self.path / "packages.txt"

    @property
    def code(self) -> Path:
        """The source of the user's own classes that its config names."""
        return self.path / "code"

    @property
    def checkpoints(self) -> Path:
        """The folder of its checkpoints."""
        return self.path / "checkpoints"

    @property
    def best(self) -> Path:
        """The checkpoint that is tested."""
        return self.checkpoints / "best.ckpt"

    @property
    def last(self) -> Path:
        """The newest checkpoint."""
        return self.checkpoints / "last.ckpt"

    @property
    def previous(self) -> Path:
        """The checkpoint before the newest."""
        return self.checkpoints / "previous.ckpt"

    @property
    def diagnostics(self) -> Path:
        """The folder of the diagnostics' arrays, a .npz each."""
        return self.path / "diagnostics"

    @property
    def figures(self) -> Path:
        """The folder of its figures."""
        return self.path / "figures"

    @property
    def learning_curve(self) -> Path:
        """The figure of its losses."""
        return self.figures / "learning_curve.png"

    @property
    def diagnostics_figure(self) -> Path:
        """The figure of what the diagnostics saw."""
        return self.figures / "diagnostics.png"

    @property
    def model(self) -> Path:
        """The trained model as MLflow has it."""
        return self.path / "model"

    @property
    def evaluated(self) -> Path:
        """The folder of what later evaluations of its model have seen."""
        return self.path / "evaluated"

    @property
    def artifacts(self) -> list[Path]:
        """What it may leave beside its numbers: what lies in its folder, or in one of its folders."""
        figures = [self.learning_curve, self.diagnostics_figure]
        return [self.config, self.code, self.diagnostics, *figures, self.packages, self.model]

    @property
    def superseded(self) -> Path:
        """An empty file in a sweep's job that is run anew in another folder."""
        return self.path / "superseded"


class SweepFolder(TrackedFolder):
    """A sweep's folder; those of its jobs lie directly in it."""

    @property
    def sweep_file(self) -> Path:
        """What was asked for, and how it ended; a folder without it holds no sweep."""
        return self.path / "sweep.json"

    @property
    def config(self) -> Path:
        """The config of a search for horizons; Hydra's own sweepers write one of this name."""
        return self.path / "multirun.yaml"

    @property
    def summary(self) -> Path:
        """A sweep's table."""
        return self.path / "summary.md"

    @property
    def horizon(self) -> Path:
        """The horizons that a sweep has found, and how."""
        return self.path / "horizon.json"

    @property
    def report(self) -> Path:
        """The folder of a sweep's comparison."""
        return self.path / "report"

    @property
    def job_list(self) -> Path:
        """Its jobs: the folder of each, below its own, and what it is."""
        return self.path / "jobs.json"

    def jobs(self) -> list[RunFolder]:
        """The folders of its jobs, in the order in which it came to them.

        An older version wrote no list of them: there each folder in its own is one.

        Raises:
            ValueError: If the list cannot be read, or names a folder that is not below its own.
        """
        if self.job_list.exists():
            return [RunFolder(self.path / name) for name in self._listed()]
        folders = [p for p in self.path.glob("*") if p.is_dir() and p != self.report]
        return [RunFolder(p) for p in sorted(folders, key=lambda p: (len(p.name), p.name))]

    def _listed(self) -> list[str]:
        jobs = read_content(self.job_list).get("jobs")
        if not isinstance(jobs, dict):
            raise ValueError(f"{self.job_list} cannot be read: it has no jobs")
        for name in jobs:
            parts = Path(name).parts
            if not parts or Path(name).is_absolute() or ".." in parts:
                raise ValueError(f"{self.job_list} names {name or '.'}, which is not below it")
        return list(jobs)


def is_of_no_name(folder: Path) -> bool:
    """Whether a run has its folder from the clock, as no other was named for it."""
    return folder.absolute().is_relative_to(here() / RUNS)


def runs_below(roots: Iterable[Path]) -> Iterator[RunFolder]:
    """Every run's folder below these, in the order of their names."""
    for path in _holding(roots, RunFolder(Path()).result.name):
        yield RunFolder(path)


def sweeps_below(roots: Iterable[Path]) -> Iterator[SweepFolder]:
    """Every sweep's folder below these, in the order of their names."""
    for path in _holding(roots, SweepFolder(Path()).sweep_file.name):
        yield SweepFolder(path)


def _holding(roots: Iterable[Path], name: str) -> Iterator[Path]:
    for root in roots:
        yield from (path.parent for path in sorted(root.absolute().rglob(name)))
