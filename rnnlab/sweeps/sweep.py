"""A sweep as its folder and MLflow have it: one parent run over the runs of its jobs."""

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from rnnlab.foundation.files import try_to_write, write_text
from rnnlab.foundation.folder_lock import FolderLockedError, keep
from rnnlab.foundation.masking import first_line, masked
from rnnlab.foundation.run_folder import SweepFolder
from rnnlab.foundation.signals import hold_signals
from rnnlab.foundation.terminal import fitted
from rnnlab.foundation.typed import typable, typed_override, typed_path
from rnnlab.foundation.version import check_version
from rnnlab.runs.whole_run import deliver_whole
from rnnlab.sweeps.labels import Labels
from rnnlab.sweeps.parent_run import ParentRun, deliver_jobs
from rnnlab.sweeps.progress import SweepProgress
from rnnlab.sweeps.same_search import refuse_other_search
from rnnlab.sweeps.sweep_file import SweepFile
from rnnlab.sweeps.sweep_jobs import SweepJobs
from rnnlab.tracking.journal import Journal
from rnnlab.tracking.manifest import PARENT_RUN, Manifest
from rnnlab.tracking.result import Status, write_failure
from rnnlab.tracking.store import (
    FAILURES,
    UnreachableError,
    open_store,
    show,
    tracking_uri,
    ui_links,
)
from rnnlab.tracking.ui_view import View

if TYPE_CHECKING:  # heavy to import, and not needed before the jobs begin
    from rnnlab.sweeps.horizon_results import HorizonResults
    from rnnlab.sweeps.plan import Plan
    from rnnlab.sweeps.summary import SweepSummary


REFUSED = 2  # the exit status of what can never succeed


class Sweep:
    """One sweep, from before its first job to its report. The jobs find its run in the environment.

    Args:
        folder: Its own.
        uri: Of its store, as the config has it.
        experiment: In the store.
        overrides: What the command line says.
        plan: Its jobs, where they are known beforehand.
        allow: Packages whose classes its config may name.
    """

    def __init__(
        self,
        folder: SweepFolder,
        uri: str | None,
        experiment: str,
        overrides: Sequence[str],
        plan: "Plan | None" = None,
        allow: Sequence[str] = (),
    ) -> None:
        self.folder, self.uri, self.experiment = folder, tracking_uri(uri), experiment
        self.allow = allow
        self.plan, self.labels = plan, Labels([overrides] if plan is None else plan.jobs)
        self.progress = SweepProgress(None if plan is None else len(plan.jobs))
        self.jobs: SweepJobs | None = None
        self.ended_early = False
        """Whether a failed job has ended it, as `fail_fast` asks."""
        self.parent: ParentRun | None = None
        self.horizons: HorizonResults | None = None
        self.client: MlflowClient | None = None
        self.experiment_id = ""

    def begin_search(self, overrides: Sequence[str], horizons: "HorizonResults") -> None:
        """Begin a search for horizons, or go on with it; raises as `begin` does."""
        settings, tags = horizons.settings, {"rnnlab.sweeper": "horizon"}
        self.progress.unit = "probe"
        self.labels = Labels([result.combination.overrides for result in horizons.results])

        def refuse_other(file: SweepFile) -> None:
            refuse_other_search(self.folder, file, overrides, settings)

        words = [masked(o) for o in overrides]
        self.begin(words, settings, tags, horizons.params(), refuse_other)
        self.horizons = horizons

    def begin(
        self,
        overrides: list[str],
        settings: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        refuse_other: Callable[[SweepFile], None] | None = None,
    ) -> None:
        """Begin the parent run, or go on with the one that the folder has, and add to it.

        Args:
            overrides: What the command line says.
            settings: Of a sweeper of rnnlab's.
            tags: Of the parent run, besides those of all sweeps.
            params: Of the parent run.
            refuse_other: Raises if the folder's sweep has what is not asked for.

        Raises:
            ValueError: If the folder is another sweep's or of another version of rnnlab, if it is at
                work, if the store cannot be used, or if the parent run is gone from it.
        """
        goes_on = self.folder.sweep_file.exists()
        if goes_on:
            check_version(str(self.folder.path), Manifest.read(self.folder.path).version)
            (refuse_other or self._refuse_other(overrides))(SweepFile.read(self.folder.path))
        self._open_store()
        try:
            keep(self.folder.path)
        except FolderLockedError as error:
            raise ValueError(
                f"hydra.sweep.dir={self.folder.path}: the sweep in it is at work"
            ) from error
        self.jobs = SweepJobs(self.folder, self.labels)
        self.jobs.write()  # before what makes the folder a sweep's, which is not listed for its jobs
        if goes_on:
            parent = ParentRun.read(self.folder)
            self._refuse_lost(parent.file.run_id)
            parent.go_on(overrides, settings or {}, params or {})
        else:
            file = SweepFile(overrides, dict(settings or {}), masked(self.uri))
            parent = ParentRun.new(self.folder, self.experiment, file, tags or {}, params or {})
        parent.write()
        self.parent = parent
        if self.client is not None:
            self._begin_in_store(self.client, parent)
        if parent.file.run_id:
            os.environ[PARENT_RUN] = parent.file.run_id

    def _open_store(self) -> None:
        """One that does not answer now is tried again at the end."""
        try:
            self.client, self.experiment_id = open_store(self.uri, self.experiment)
        except UnreachableError as error:
            sys.stderr.write(f"{error}: the sweep is recorded in {self.folder.path}\n")
        else:
            show(self.client, self.experiment_id, View())

    def _refuse_other(self, overrides: Sequence[str]) -> Callable[[SweepFile], None]:
        """Where all jobs are known, each that the folder has is among them; or else the same words."""
        if self.plan is not None:
            plan = self.plan
            return lambda _: plan.refuse_other(self.folder)
        return lambda file: file.refuse_other(self.folder.path, overrides)

    def _begin_in_store(self, client: MlflowClient, parent: ParentRun) -> None:
        """If that fails, the jobs train all the same."""
        try:
            deliver_jobs(self.folder, self.uri)  # whatever says that it runs, its process is gone
            with hold_signals():
                parent.begin(client, self.experiment_id)
                client.update_run(parent.file.run_id, status="RUNNING")
        except FAILURES as error:
            sys.stderr.write(
                f"MLflow failed, {self.folder.path} keeps the sweep: {first_line(error)}\n"
            )
            self.client = None

    def _refuse_lost(self, run_id: str) -> None:
        """If the store answers, and has not the parent any more."""
        if self.client is None or not run_id:
            return
        try:
            stage = self.client.get_run(run_id).info.lifecycle_stage
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                return  # it does not answer
            stage = "missing"
        if stage != "active":
            raise ValueError(
                f"hydra.sweep.dir={self.folder.path}: its run {run_id} is {stage} in "
                f"{masked(self.uri)}; start a new sweep, or name its store with tracking.uri"
            )

    def finish(self, status: int) -> int:
        """End the parent, and every child that its process left open; print the table.

        Args:
            status: The exit status so far: above 128 a signal has stopped the sweep.

        Returns:
            The exit status: 1 at least if a job failed.
        """
        from rnnlab.report.select_runs import search_share
        from rnnlab.sweeps.summary import summarise

        if self.parent is None:
            return status  # refused before it began
        planned = 0 if status == REFUSED else self.progress.total or 0
        if self.jobs is not None:
            self.jobs.write()  # what a full disk did not take before
        stopped = status > 128 or self.ended_early
        share = search_share(self.parent.manifest.params)
        asked = {} if self.jobs is None else self.jobs.listed.overrides
        summary = summarise(self.folder, self.labels, asked, planned, stopped, share)
        status = max(status, 1 if summary.failed or summary.not_given else 0)
        ending: Status = "KILLED" if status > 128 else "FAILED" if status else "FINISHED"
        if ending != "KILLED" and not self.ended_early:  # a job that alone was killed has failed
            for failed in summary.failed:
                if failed.folder.result.exists():
                    write_failure(failed.folder.path, failed.reason)
        self._write_down(self.parent, summary, ending)
        self._print(summary, refused=status == REFUSED)
        self._deliver(self.parent, summary)
        return status

    def _write_down(self, parent: ParentRun, summary: "SweepSummary", ending: Status) -> None:
        """What the store is to have."""
        from rnnlab.report.digest import task_tables

        parent.file.status, parent.manifest.ended = ending, int(time.time() * 1000)
        metrics: dict[str, float] = {"sweep/jobs": summary.num_jobs}
        metrics["sweep/failed"] = len(summary.failed)
        if summary.num_jobs:
            found = None if self.horizons is None else self.horizons.tables()
            text = summary.markdown(found and [*found, *task_tables(summary.grid)])
            try_to_write(lambda: write_text(self.folder.summary, text))
            parent.manifest.artifacts = [self.folder.summary.name]
        if self.horizons is not None:
            metrics |= self.horizons.metrics()
            self.horizons.write(self.folder)
            parent.manifest.artifacts += [self.folder.horizon.name]
        journal = Journal(self.folder.journal)
        if damage := journal.mend():
            sys.stderr.write(f"{damage}\n")
        attempts = {point.step for point in journal}
        journal.append(metrics, step=len(attempts))
        try_to_write(parent.write)

    def _print(self, summary: "SweepSummary", refused: bool) -> None:
        """What was found, before anything is asked of the store."""
        if not summary.num_jobs:
            return
        text = summary.markdown(None if self.horizons is None else self.horizons.tables())
        if (summary.failed or summary.not_given) and not refused:
            text += "to go on: the same command, with\n"
            folder = typed_override("hydra.sweep.dir", self.folder.path)
            text += typable(f"{folder} resume=auto\n", "resume=auto\n")
        sys.stdout.write(f"\n{fitted(text, sys.stdout)}")

    def _deliver(self, parent: ParentRun, summary: "SweepSummary") -> None:
        """All of it to the store, with the report."""
        from rnnlab.sweeps.report import log_comparison

        try:
            if self.client is None:  # it may answer by now
                self.client, self.experiment_id = open_store(self.uri, self.experiment)
            deliver_jobs(self.folder, self.uri, partial(deliver_whole, allow=self.allow))
            parent.deliver(self.client, self.experiment_id)
        except (ValueError, *FAILURES) as error:
            folder = typable(typed_path(self.folder.path), "")
            sys.stderr.write(
                f"MLflow could not be told that the sweep is {parent.file.status}: "
                f"{first_line(error)}\npython -m rnnlab.sync {folder} does it later\n"
            )
            return
        run_id, view = parent.file.run_id, summary.view(parent.file.run_id)
        show(self.client, self.experiment_id, view)
        if summary.num_jobs:
            sys.stdout.write(f"\n{ui_links(self.uri, self.experiment_id, run_id, view)}\n")
        if summary.finished or any(job.run_id for job in summary.failed):
            done = log_comparison(self.client, run_id, self.folder.report)
            parent.note_report(done)
