"""The table that a sweep ends with, from the folders of its jobs: it needs no tracking store."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import yaml

from rnnlab.foundation.masking import masked
from rnnlab.foundation.run_folder import RunFolder, SweepFolder
from rnnlab.report.digest import digest, task_tables
from rnnlab.report.findings import Finding, findings
from rnnlab.report.grid import Grid, make_grid
from rnnlab.report.read_runs import Run
from rnnlab.tracking.manifest import Manifest
from rnnlab.tracking.result import Result, read_failure
from rnnlab.tracking.ui_view import View


@dataclass(frozen=True)
class FailedJob:
    """A job that ended without a result."""

    folder: RunFolder
    name: str
    reason: str
    run_id: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}; see {self.folder.path}"


@dataclass(frozen=True)
class SweepSummary:
    """All that a sweep's folder tells of its jobs."""

    finished: list[Run]
    failed: list[FailedJob]
    unfinished: list[Run]
    """Of those that failed, the runs that had begun."""
    search_share: float | None = None
    """The share of seeds that a search for horizons asked for."""

    @property
    def num_jobs(self) -> int:
        return len(self.finished) + len(self.failed)

    def view(self, run_id: str) -> View:
        """The view of this sweep's runs, by variant if they have one task and length in common."""
        places = {(run.task, run.length) for run in self.finished}
        return View(*(places.pop() if len(places) == 1 else (None, None)), sweep=run_id)

    @cached_property
    def grid(self) -> Grid:
        return make_grid([*self.finished, *self.unfinished], self.search_share)

    @cached_property
    def findings(self) -> list[Finding]:
        return findings(self.grid)

    def markdown(self, tables: Sequence[str] | None = None) -> str:
        """The comparison in short, as wide as a terminal, and the jobs that failed.

        Args:
            tables: To be shown; None: one a task.
        """
        shown = [*(task_tables(self.grid) if tables is None else tables)]
        jobs = "\n".join(f"- {job}" for job in self.failed)
        count = f"{len(self.failed)} of {self.num_jobs} jobs failed"
        if self.failed and self.finished:
            shown.insert(0, f"{count}; they are listed below.")
        parts = [digest(self.grid, self.findings, tables=shown)] if self.finished else shown
        if self.failed:
            parts += ["Jobs that failed:" if self.finished else f"{count}:", jobs]
        return "\n\n".join(parts) + "\n"

    __str__ = markdown


def summarise(folder: SweepFolder, search_share: float | None = None) -> SweepSummary:
    """Read the jobs' folders of a sweep that has ended.

    Args:
        folder: The sweep's.
        search_share: The share of seeds that a search for horizons asked for, if it is one.
    """
    summary = SweepSummary([], [], [], search_share)
    for job in folder.jobs():
        if job.superseded.exists():
            continue
        try:
            result = Result.read(job.path) if job.result.exists() else None
            if result is not None and result.status == "FINISHED":
                summary.finished.append(_run(job, result))
                continue
            unfinished = [_unfinished(job, result)] if result and job.manifest.exists() else []
            summary.failed.append(_failed(job, result))
            summary.unfinished.extend(unfinished)
        except ValueError as error:
            summary.failed.append(FailedJob(job, f"job {job.path.name}", str(error)))
    return summary


def _unfinished(job: RunFolder, result: Result) -> Run:
    """A process that is gone without a word has failed."""
    status = "KILLED" if result.status == "KILLED" else "FAILED"
    return replace(_run(job, result), status=status)


def _run(job: RunFolder, result: Result) -> Run:
    return Run(
        run_id=result.run_id or job.path.name,
        name=result.name,
        status=result.status,
        started=0,
        variant=result.variant,
        task=result.task,
        length=result.length,
        seed=result.seed,
        params=Manifest.read(job.path).params,
        metrics=result.metrics,
    )


def _failed(job: RunFolder, result: Result | None) -> FailedJob:
    overrides: Any = []
    if job.overrides.exists():
        overrides = yaml.safe_load(job.overrides.read_text("utf-8"))
    reason = "its process was killed, or the disk was full" if overrides else "it was not started"
    if raised := read_failure(job.path):
        reason = raised
    elif result is not None and result.failure:
        reason = result.failure
    name = f"job {job.path.name}"
    if overrides:
        name += f" ({masked(' '.join(overrides))})"
    return FailedJob(job, name, reason, result.run_id if result else "")
