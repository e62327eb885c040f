"""A sweep as MLflow sees it: one parent run over the runs of its jobs, closed with their table."""

import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from rnnlab.foundation.files import as_the_disk_can, write_text
from rnnlab.foundation.folder_lock import AtWorkError, taken
from rnnlab.foundation.masking import first_line, masked
from rnnlab.foundation.signals import held
from rnnlab.runs.resume_option import AUTO, asked, without_resume
from rnnlab.sweeps.jobs import REPORT
from rnnlab.sweeps.sweep_file import FILE, SweepRecord
from rnnlab.tracking import PARENT_RUN
from rnnlab.tracking.result import FILE as RESULT
from rnnlab.tracking.result import write_failure

if TYPE_CHECKING:
    from filelock import FileLock
    from mlflow import MlflowClient

    from rnnlab.sweeps.horizon_results import Horizons
    from rnnlab.sweeps.parent_run import Parent
    from rnnlab.sweeps.summary import SweepSummary


class Sweep(Callback):
    """Begins the parent run before the first job; `finish` ends it, whatever became of the jobs.

    Hydra calls a callback when a multirun starts under any launcher, but not when one ends with a
    failed job, so that `run.main` calls `finish`. The jobs find their parent in the environment.
    """

    current: ClassVar["Sweep | None"] = None

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        from rnnlab.sweeps.process_launcher import ProcessLauncher, start_fork_server

        if config.hydra.launcher._target_.endswith(ProcessLauncher.__name__):
            start_fork_server()  # it imports while this process opens the store
        from rnnlab.foundation.quiet import hush
        from rnnlab.tracking.store import tracking_uri

        hush()
        self.folder = Path(config.hydra.sweep.dir).absolute()
        self.uri, self.experiment = tracking_uri(config.tracking.uri), config.tracking.experiment
        self.parent: Parent | None = None
        self.horizons: Horizons | None = None
        self.lock: FileLock | None = None
        Sweep.current = self
        horizon = config.hydra.sweeper._target_.endswith("HorizonSweeper")
        overrides = [masked(override) for override in config.hydra.overrides.task]
        try:
            resumes = self._resumes(config)
            if not ((horizon or resumes) and (self.folder / FILE).exists()):
                self._refuse_used()
            self._reach()
            if not horizon:  # which opens it once it has checked what it is asked
                self._open(without_resume(overrides), {})
        except (ValueError, OSError) as error:
            # Hydra turns a callback's exceptions into warnings, and the jobs would all fail.
            sys.stderr.write(f"{error}\n")
            raise SystemExit(2) from error

    def _reach(self) -> None:
        """The store, if it answers: else the jobs train all the same."""
        from rnnlab.tracking.store import UnreachableError, open_store, show
        from rnnlab.tracking.ui_view import View

        self.client: MlflowClient | None = None
        self.experiment_id = ""
        try:
            self.client, self.experiment_id = open_store(self.uri, self.experiment)
        except UnreachableError as error:
            sys.stderr.write(f"{error}: the sweep is recorded in {self.folder}\n")
        else:
            show(self.client, self.experiment_id, View())

    def begin_or_go_on(self, overrides: Sequence[str], horizons: "Horizons") -> None:
        """Open the parent run of a search for horizons, or open it again after a kill.

        Raises:
            ValueError: If the folder is another sweep's, or at work, or its parent run is gone.
        """
        named = [masked(override) for override in overrides]
        tags = {"rnnlab.sweeper": "horizon"}
        self._open(named, horizons.settings, tags, horizons.params())
        self.horizons = horizons

    def _resumes(self, config: DictConfig) -> bool:
        name, _ = asked(config)
        if name not in (None, AUTO):
            raise ValueError(f"resume={name} goes on with one run: a sweep takes resume={AUTO}")
        return name == AUTO

    def _open(
        self,
        overrides: list[str],
        settings: Mapping[str, Any],
        tags: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> None:
        """Begin the parent run, or go on with the one that the folder has."""
        from rnnlab.sweeps.parent_run import Parent

        goes_on = SweepRecord.of_same(self.folder, overrides, settings) is not None
        try:
            self.lock = taken(self.folder)
        except AtWorkError as error:
            raise ValueError(
                f"hydra.sweep.dir={self.folder}: the sweep in it is at work"
            ) from error
        if goes_on:
            parent = Parent.read(self.folder)
            self._refuse_lost(parent.sweep.run_id)
            parent.sweep.status, parent.sweep.delivered = "RUNNING", False
        else:
            sweep = SweepRecord(overrides, dict(settings), masked(self.uri))
            parent = Parent.new(self.folder, self.experiment, sweep, tags or {}, params or {})
        parent.write()
        self.parent = parent
        if self.client is not None:
            self._begin(self.client, parent)
        if parent.sweep.run_id:
            os.environ[PARENT_RUN] = parent.sweep.run_id

    def _begin(self, client: "MlflowClient", parent: "Parent") -> None:
        """In the store; if that fails, the jobs train all the same."""
        from rnnlab.sweeps.parent_run import deliver_jobs
        from rnnlab.tracking.store import FAILURES

        try:
            deliver_jobs(self.folder, self.uri)  # whatever says that it runs, its process is gone
            with held():
                parent.begin(client, self.experiment_id)
            client.update_run(parent.sweep.run_id, status="RUNNING")
        except FAILURES as error:
            sys.stderr.write(f"MLflow failed, {self.folder} keeps the sweep: {first_line(error)}\n")
            self.client = None

    def _refuse_used(self) -> None:
        if (self.folder / FILE).exists() or any(p.is_dir() for p in self.folder.glob("*")):
            raise ValueError(f"hydra.sweep.dir={self.folder} holds a sweep already")

    def _refuse_lost(self, run_id: str) -> None:
        """If the store answers, and has not the parent any more."""
        from mlflow.exceptions import MlflowException

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
                f"hydra.sweep.dir={self.folder}: its run {run_id} is {stage} in "
                f"{masked(self.uri)}; start a new sweep, or name its store with tracking.uri"
            )

    def __getstate__(self) -> dict[str, Any]:
        return {}  # jobs in processes of their own get Hydra's callbacks, and need nothing of this

    def finish(self, status: int) -> int:
        """End the parent, and every child that its process left open; print the table.

        Args:
            status: The exit status so far: above 128 a signal has stopped the sweep.

        Returns:
            The exit status: 1 at least if a job failed.
        """
        from rnnlab.sweeps.summary import summarise

        Sweep.current = None
        if self.parent is None:
            return status  # refused before it began
        summary = summarise(self.folder)
        status = max(status, 1 if summary.failed else 0)
        ending = "KILLED" if status > 128 else "FAILED" if status else "FINISHED"
        if ending != "KILLED":  # a job that alone was killed has failed
            for failed in summary.failed:
                if (failed.folder / RESULT).exists():
                    write_failure(failed.folder, failed.reason)
        self._write_down(self.parent, summary, ending)
        self._tell(summary)
        self._deliver(self.parent, summary)
        if self.lock is not None:
            self.lock.release()
        return status

    def _write_down(self, parent: "Parent", summary: "SweepSummary", ending: str) -> None:
        """What is to be told to the store."""
        from rnnlab.tracking.journal import FILE as JOURNAL
        from rnnlab.tracking.journal import Journal

        parent.sweep.status, parent.record.ended = ending, int(time.time() * 1000)
        metrics: dict[str, float] = {"sweep/jobs": summary.jobs}
        metrics["sweep/failed"] = len(summary.failed)
        if summary.jobs:
            as_the_disk_can(lambda: write_text(self.folder / "summary.md", self._text(summary)))
            parent.record.artifacts = ["summary.md"]
        if self.horizons is not None:
            metrics |= self.horizons.metrics()
            parent.record.artifacts += [self.horizons.write(self.folder).name]
        journal = Journal(self.folder / JOURNAL)
        attempts = {point.step for point in journal}
        journal.append(metrics, step=len(attempts))
        as_the_disk_can(parent.write)

    def _text(self, summary: "SweepSummary") -> str:
        if self.horizons is None:
            return summary.markdown()
        return f"{self.horizons.markdown()}\n{summary.markdown()}"

    def _tell(self, summary: "SweepSummary") -> None:
        """Print what was found, before anything is asked of the store."""
        if not summary.jobs:
            return
        if self.horizons is not None:
            failed = "".join(f"{job}\n" for job in summary.failed)
            sys.stdout.write(f"\n{self.horizons.markdown()}{failed}")
        else:
            sys.stdout.write(f"\n{summary.markdown()}")
        if summary.failed:
            again = f"hydra.sweep.dir={self.folder} resume=auto"
            sys.stdout.write(f"to go on: the same command, with {again}\n")

    def _deliver(self, parent: "Parent", summary: "SweepSummary") -> None:
        """All of it to the store, with the report."""
        from rnnlab.sweeps.parent_run import deliver_jobs
        from rnnlab.sweeps.report import log_comparison
        from rnnlab.tracking.store import FAILURES, how_to_see, open_store, show

        try:
            if self.client is None:  # it may answer by now
                self.client, self.experiment_id = open_store(self.uri, self.experiment)
            deliver_jobs(self.folder, self.uri)
            parent.bring(self.client, self.experiment_id)
        except (ValueError, *FAILURES) as error:
            sys.stderr.write(
                f"MLflow could not be told that the sweep is {parent.sweep.status}: "
                f"{first_line(error)}\npython -m rnnlab.sync {self.folder} does it later\n"
            )
            return
        run_id, view = parent.sweep.run_id, summary.view(parent.sweep.run_id)
        show(self.client, self.experiment_id, view)
        if summary.jobs:
            sys.stdout.write(f"\n{how_to_see(self.uri, self.experiment_id, run_id, view)}\n")
        if summary.finished or any(job.run_id for job in summary.failed):
            log_comparison(self.client, run_id, self.folder / REPORT)
