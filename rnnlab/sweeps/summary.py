"""The table that a sweep ends with, from the folders of its jobs: it needs no tracking store."""

from dataclasses import dataclass
from typing import Any

import yaml

from rnnlab.foundation.masking import masked
from rnnlab.foundation.run_folder import RunFolder, SweepFolder
from rnnlab.foundation.table import markdown_table
from rnnlab.report import rows
from rnnlab.report.grid import make_grid
from rnnlab.report.read_runs import Run
from rnnlab.tracking.changes import with_changes
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

    @property
    def num_jobs(self) -> int:
        return len(self.finished) + len(self.failed)

    def view(self, run_id: str) -> View:
        """The view of this sweep's runs, by variant if they have one task and length in common."""
        places = {(run.task, run.length) for run in self.finished}
        return View(*(places.pop() if len(places) == 1 else (None, None)), sweep=run_id)

    def table(self) -> str:
        """The rows of the comparison report, of the finished runs: the others are listed below."""
        kept = len(rows.HEADER) - 1
        assert rows.HEADER[kept] == "failed"
        table = [rows.table_row(group)[:kept] for group in make_grid(self.finished).groups]
        return markdown_table(rows.HEADER[:kept], table)

    def markdown(self) -> str:
        lines = [self.table()] if self.finished else []
        if self.failed:
            lines.append(f"\n{len(self.failed)} of {self.num_jobs} jobs failed:\n")
            lines += [f"- {job}" for job in self.failed]
        return "\n".join(lines) + "\n"

    __str__ = markdown


def summarise(folder: SweepFolder) -> SweepSummary:
    """Read the jobs' folders of a sweep that has ended."""
    finished, failed = [], []
    for job in folder.jobs():
        if job.superseded.exists():
            continue
        try:
            result = Result.read(job.path) if job.result.exists() else None
            if result is not None and result.status == "FINISHED":
                finished.append(_run(job, result))
            else:
                failed.append(_failed(job, result))
        except ValueError as error:
            failed.append(FailedJob(job, f"job {job.path.name}", str(error)))
    return SweepSummary(finished, failed)


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
        params=with_changes(Manifest.read(job.path).params, result.changes),
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
