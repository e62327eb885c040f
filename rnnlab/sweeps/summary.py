"""The table that a sweep ends with, from the folders of its jobs: it needs no tracking store."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from rnnlab.foundation.masking import masked
from rnnlab.foundation.table import markdown_table
from rnnlab.report import rows
from rnnlab.report.grid import make_grid
from rnnlab.report.read_runs import Run
from rnnlab.sweeps.jobs import SUPERSEDED, job_folders
from rnnlab.tracking.result import CONFIG, FILE, Result, failure_in, leaves
from rnnlab.tracking.ui_view import View


@dataclass(frozen=True)
class Failure:
    """A job that ended without a result."""

    folder: Path
    name: str
    reason: str
    run_id: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}; see {self.folder}"


@dataclass(frozen=True)
class SweepSummary:
    """All that a sweep's folder tells of its jobs."""

    finished: list[Run]
    failed: list[Failure]

    @property
    def jobs(self) -> int:
        return len(self.finished) + len(self.failed)

    def view(self, run_id: str) -> View:
        """The view of this sweep's runs, by variant if they have one task and length in common."""
        places = {(run.task, run.length) for run in self.finished}
        return View(*(places.pop() if len(places) == 1 else (None, None)), sweep=run_id)

    def table(self) -> str:
        """The rows of the comparison report, of the finished runs: the others are listed below."""
        kept = len(rows.HEADER) - 1
        assert rows.HEADER[kept] == "failed"
        table = [rows.words(cell)[:kept] for cell in make_grid(self.finished).cells]
        return markdown_table(rows.HEADER[:kept], table)

    def markdown(self) -> str:
        lines = [self.table()] if self.finished else []
        if self.failed:
            lines.append(f"\n{len(self.failed)} of {self.jobs} jobs failed:\n")
            lines += [f"- {job}" for job in self.failed]
        return "\n".join(lines) + "\n"

    __str__ = markdown


def summarise(folder: Path) -> SweepSummary:
    """Read the jobs' folders of a sweep that has ended."""
    finished, failed = [], []
    jobs = [job for job in job_folders(folder) if not (job / SUPERSEDED).exists()]
    for job in sorted(jobs, key=lambda path: (len(path.name), path.name)):
        try:
            result = Result.read(job) if (job / FILE).exists() else None
        except ValueError as error:
            failed.append(Failure(job, f"job {job.name}", str(error)))
            continue
        if result is not None and result.status == "FINISHED":
            finished.append(_run(job, result))
        else:
            failed.append(_failure(job, result))
    return SweepSummary(finished, failed)


def _run(job: Path, result: Result) -> Run:
    config = job / CONFIG
    params = dict(leaves(yaml.safe_load(config.read_text("utf-8")))) if config.exists() else {}
    params |= {"chance": str(result.chance), "num_params": str(result.num_params)}
    return Run(
        run_id=result.run_id or job.name,
        name=result.name,
        status=result.status,
        started=0,
        variant=result.variant,
        task=result.task,
        length=result.length,
        seed=result.seed,
        params=params,
        metrics=result.metrics,
    )


def _failure(job: Path, result: Result | None) -> Failure:
    overrides = job / ".hydra" / "overrides.yaml"
    words: Any = yaml.safe_load(overrides.read_text("utf-8")) if overrides.exists() else []
    reason = "its process was killed, or the disk was full" if words else "it was not started"
    if told := failure_in(job):
        reason = told
    elif result is not None and result.failure:
        reason = result.failure
    name = f"job {job.name} ({masked(' '.join(words))})" if words else f"job {job.name}"
    return Failure(job, name, reason, result.run_id if result else "")
