"""The table that a sweep ends with, from the folders of its jobs: it needs no tracking store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from rnnlab.foundation.run_folder import RunFolder, SweepFolder
from rnnlab.foundation.terminal import short
from rnnlab.foundation.yaml_file import read_yaml
from rnnlab.report.digest import digest, task_tables
from rnnlab.report.findings import Finding, findings
from rnnlab.report.grid import Grid, make_grid
from rnnlab.report.read_runs import Run
from rnnlab.sweeps.labels import Labels
from rnnlab.tracking.changes import with_changes
from rnnlab.tracking.manifest import Manifest
from rnnlab.tracking.result import Result, read_failure
from rnnlab.tracking.ui_view import View

FAILED, STOPPED, NOT_BEGUN = "failed", "was stopped", "was not started"


@dataclass(frozen=True)
class FailedJob:
    """A job that ended without a result, or never began."""

    folder: RunFolder
    place: str
    """Its folder, from the sweep's on."""
    label: str
    reason: str
    run_id: str = ""
    became: str = FAILED

    @property
    def name(self) -> str:
        return f"job {self.place} ({self.label})" if self.label else f"job {self.place}"

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}; see {short(self.folder.path)}"


@dataclass(frozen=True)
class SweepSummary:
    """All that a sweep's folder tells of its jobs."""

    finished: list[Run]
    failed: list[FailedJob]
    unfinished: list[Run]
    """Of those without a result, the runs that had begun."""
    not_given: int = 0
    """Jobs that were asked for, and that no launcher has been given."""
    search_share: float | None = None
    """The share of seeds that a search for horizons asked for."""

    @property
    def num_jobs(self) -> int:
        return len(self.finished) + len(self.failed) + self.not_given

    def failures(self) -> tuple[str, str]:
        """How many have no result and why, and a list of them; those that were not begun in one line."""
        if not (self.failed or self.not_given):
            return "", ""
        waiting = [job for job in self.failed if job.became == NOT_BEGUN]
        begun = [job for job in self.failed if job.became != NOT_BEGUN]
        stopped = sum(job.became == STOPPED for job in begun)
        number = len(waiting) + self.not_given
        counts = {FAILED: len(begun) - stopped, "stopped": stopped, "not begun": number}
        words = [f"{count} {what}" for what, count in counts.items() if count]
        words[0] = words[0].replace(" ", f" of {self.num_jobs} jobs ", 1)
        lines = [f"- {job}" for job in begun]
        if number:
            which = waiting[0].name if waiting else "the rest"
            if len(waiting) > 1:
                first, last = waiting[0].place, waiting[-1].place
                which = f"job {first} to {last}"
            lines.append(f"- {which}: it {NOT_BEGUN}")
        return ", ".join(words), "\n".join(lines)

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
        """The comparison in short, as wide as a terminal, and the jobs without a result.

        Args:
            tables: To be shown; None: one a task.
        """
        shown = [*(task_tables(self.grid) if tables is None else tables)]
        count, jobs = self.failures()
        if count and self.finished:
            shown.insert(0, f"{count}; they are listed below.")
        parts = [digest(self.grid, self.findings, tables=shown)] if self.finished else shown
        if count:
            parts += ["Jobs without a result:" if self.finished else f"{count}:", jobs]
        return "\n\n".join(parts) + "\n"

    __str__ = markdown


def summarise(
    folder: SweepFolder,
    labels: Labels | None = None,
    asked: Mapping[str, list[str]] | None = None,
    planned: int = 0,
    stopped: bool = False,
    search_share: float | None = None,
) -> SweepSummary:
    """Read the jobs' folders of a sweep that has ended.

    Args:
        folder: The sweep's.
        labels: How its jobs are called.
        asked: The overrides of each, by its folder, as they were asked for.
        planned: How many it was to have at least.
        stopped: Whether it was ended with jobs at work, whatever these could still write.
        search_share: The share of seeds that a search for horizons asked for, if it is one.
    """
    finished, failed, unfinished = [], [], []
    for job in folder.jobs():
        if job.superseded.exists():
            continue
        place = str(job.path.relative_to(folder.path))
        try:
            result = Result.read(job.path) if job.result.exists() else None
            if result is not None and result.status == "FINISHED":
                finished.append(_run(job, result))
                continue
            begun = [_unfinished(job, result)] if result and job.manifest.exists() else []
            words = (asked or {}).get(place, [])
            failed.append(_failed(job, place, result, labels or Labels([]), words, stopped))
            unfinished.extend(begun)
        except ValueError as error:
            failed.append(FailedJob(job, place, "", str(error)))
    not_given = max(planned - len(finished) - len(failed), 0)
    return SweepSummary(finished, failed, unfinished, not_given, search_share)


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
        params=with_changes(Manifest.read(job.path).params, result.changes),
        metrics=result.metrics,
    )


def _failed(
    job: RunFolder,
    place: str,
    result: Result | None,
    labels: Labels,
    asked: list[str],
    sweep_stopped: bool,
) -> FailedJob:
    overrides: Any = []
    if job.overrides.exists():
        overrides = read_yaml(job.overrides, must=False)
    became = FAILED
    if (reason := read_failure(job.path)) is None:
        status = "" if result is None else result.status
        if not overrides:
            became = NOT_BEGUN
        elif status == "KILLED" or (sweep_stopped and status != "FAILED"):
            became = STOPPED
        reason = "its process was killed, or the disk was full"
        if became != FAILED:
            reason = f"it {became}"
        elif result is not None and result.failure:
            reason = result.failure
    label = labels.label(asked or overrides)
    return FailedJob(job, place, label, reason, result.run_id if result else "", became)
