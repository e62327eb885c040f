"""A sweep as MLflow sees it: one parent run over the runs of its jobs, closed with their table."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from rnnlab.at_work import AtWorkError, taken
from rnnlab.masking import masked
from rnnlab.sweeps.probes import REPORT
from rnnlab.sweeps.record import FILE, SweepRecord
from rnnlab.tracking import PARENT_RUN

if TYPE_CHECKING:
    from filelock import FileLock

    from rnnlab.sweeps.horizons import Horizons
    from rnnlab.sweeps.summary import SweepSummary


class Sweep(Callback):
    """Opens the parent run before the first job; `finish` closes it, whatever became of the jobs.

    Hydra calls a callback when a multirun starts under any launcher, but not when one ends with a
    failed job, so that `run.main` calls `finish`. The jobs find their parent in the environment.
    """

    current: ClassVar["Sweep | None"] = None

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        from rnnlab.sweeps.launcher import ProcessLauncher, start_fork_server

        if config.hydra.launcher._target_.endswith(ProcessLauncher.__name__):
            start_fork_server()  # it imports while this process opens the store
        from rnnlab.hush import hush
        from rnnlab.resume import without_resume
        from rnnlab.tracking.store import open_store, show, tracking_uri
        from rnnlab.tracking.view import View

        hush()
        self.folder = Path(config.hydra.sweep.dir).absolute()
        self.uri = tracking_uri(config.tracking.uri)
        self.run_id = ""
        self.horizons: Horizons | None = None
        self.lock: FileLock | None = None
        horizon = config.hydra.sweeper._target_.endswith("HorizonSweeper")
        overrides = [masked(override) for override in config.hydra.overrides.task]
        try:
            resumes = self._resumes(config)
            if not ((horizon or resumes) and (self.folder / FILE).exists()):
                self._refuse_used()
            self.client, self.experiment_id = open_store(self.uri, config.tracking.experiment)
            show(self.client, self.experiment_id, View())
            if not horizon:  # which opens it once it has checked what it is asked
                self._open(without_resume(overrides), {}, {})
        except ValueError as error:
            # Hydra turns a callback's exceptions into warnings, and the jobs would all fail.
            sys.stderr.write(f"{error}\n")
            raise SystemExit(2) from error
        Sweep.current = self

    def begin_or_go_on(self, overrides: Sequence[str], horizons: "Horizons") -> None:
        """Open the parent run of a search for horizons, or open it again after a kill.

        Raises:
            ValueError: If the folder is another sweep's, or at work, or its parent run is gone.
        """
        named = [masked(override) for override in overrides]
        self._open(named, horizons.settings, {"rnnlab.sweeper": "horizon"})
        for key, value in horizons.params().items():
            self.client.log_param(self.run_id, key, value)
        self.horizons = horizons

    def _resumes(self, config: DictConfig) -> bool:
        from rnnlab.resume import AUTO, asked

        name, _ = asked(config)
        if name not in (None, AUTO):
            raise ValueError(f"resume={name} goes on with one run: a sweep takes resume={AUTO}")
        return name == AUTO

    def _open(
        self, overrides: list[str], settings: Mapping[str, Any], tags: Mapping[str, str]
    ) -> None:
        """Begin the parent run, or go on with the one that the folder has."""
        record = SweepRecord.of_same(self.folder, overrides, settings)
        try:
            self.lock = taken(self.folder)
        except AtWorkError as error:
            raise ValueError(
                f"hydra.sweep.dir={self.folder}: the sweep in it is at work"
            ) from error
        if record is not None:
            self._go_on(record.run_id)
            return
        self._begin(" ".join(overrides), tags)
        new = SweepRecord(self.run_id, overrides, dict(settings), masked(self.uri))
        new.write(self.folder)

    def _refuse_used(self) -> None:
        if (self.folder / FILE).exists() or any(p.is_dir() for p in self.folder.glob("*")):
            raise ValueError(f"hydra.sweep.dir={self.folder} holds a sweep already")

    def _begin(self, overrides: str, more: Mapping[str, str]) -> None:
        from mlflow.tracking.context.registry import resolve_tags

        from rnnlab import __version__

        tags = {
            "rnnlab.kind": "sweep",
            "rnnlab.version": __version__,
            "rnnlab.folder": str(self.folder),
            "rnnlab.overrides": overrides,
            **more,
        }
        name = f"sweep · {overrides or 'defaults'}"[:250]
        run = self.client.create_run(self.experiment_id, tags=resolve_tags(tags), run_name=name)
        self._adopt(run.info.run_id)

    def _adopt(self, run_id: str) -> None:
        self.run_id = os.environ[PARENT_RUN] = run_id

    def _go_on(self, run_id: str) -> None:
        """The parent runs again; whatever child still says so is of a killed process."""
        from mlflow.exceptions import MlflowException

        try:
            stage = self.client.get_run(run_id).info.lifecycle_stage
        except MlflowException:
            stage = "missing"
        if stage != "active":
            raise ValueError(
                f"hydra.sweep.dir={self.folder}: its run {run_id} is {stage} in "
                f"{masked(self.uri)}; start a new sweep, or name its store with tracking.uri"
            )
        self._adopt(run_id)
        self.client.update_run(run_id, status="RUNNING")
        children = f"tags.`mlflow.parentRunId` = '{run_id}' and attributes.status = 'RUNNING'"
        for child in self.client.search_runs([self.experiment_id], children):
            self.client.set_terminated(child.info.run_id, "KILLED")

    def __getstate__(self) -> dict[str, Any]:
        return {}  # jobs in processes of their own get Hydra's callbacks, and need nothing of this

    def finish(self, status: int) -> int:
        """End the parent, and every child that its process left open; print the table.

        Args:
            status: The exit status so far: above 128 a signal has stopped the sweep.

        Returns:
            The exit status: 1 at least if a job failed.
        """
        from rnnlab.sweeps.comparison import log_comparison
        from rnnlab.sweeps.summary import summarise
        from rnnlab.tracking.store import FAILURES

        Sweep.current = None
        if not self.run_id:
            return status  # refused before it began
        summary = summarise(self.folder)
        status = max(status, 1 if summary.failed else 0)
        ending = "KILLED" if status > 128 else "FAILED" if status else "FINISHED"
        self._tell(summary)
        try:
            self._close(summary, ending)
        except FAILURES as error:
            sys.stderr.write(
                f"MLflow could not be told that the sweep is {ending}: {masked(str(error))}\n"
            )
        else:  # the parent is closed, whatever becomes of the report
            if summary.finished or any(job.run_id for job in summary.failed):
                log_comparison(self.client, self.run_id, self.folder / REPORT)
        if self.lock is not None:
            self.lock.release()
        return status

    def _tell(self, summary: "SweepSummary") -> None:
        """Print what was found, before anything is asked of the store, and write it to files."""
        from rnnlab.tracking.store import how_to_see

        if not summary.jobs:
            return
        text = summary.markdown()
        if self.horizons is not None:
            table, failed = self.horizons.markdown(), summary.failed
            self.horizons.write(self.folder)
            sys.stdout.write(f"\n{table}" + "".join(f"{j.name}: {j.reason}\n" for j in failed))
            text = f"{table}\n{text}"
        else:
            sys.stdout.write(f"\n{text}")
        (self.folder / "summary.md").write_text(text, encoding="utf-8")
        view = summary.view(self.run_id)
        page = how_to_see(self.uri, self.experiment_id, self.run_id, view)
        sys.stdout.write(f"\n{page}\n")
        if summary.failed:
            again = f"hydra.sweep.dir={self.folder} resume=auto"
            sys.stdout.write(f"to go on: the same command, with {again}\n")

    def _close(self, summary: "SweepSummary", ending: str) -> None:
        from rnnlab.tracking.store import show

        # A job that alone was killed, as after its job_timeout, has failed.
        wrong = ("RUNNING",) if ending == "KILLED" else ("RUNNING", "KILLED")
        for job in summary.failed:
            if job.run_id and self.client.get_run(job.run_id).info.status in wrong:
                self.client.set_terminated(job.run_id, ending)
        show(self.client, self.experiment_id, summary.view(self.run_id))
        self.client.log_metric(self.run_id, "sweep/jobs", summary.jobs)
        self.client.log_metric(self.run_id, "sweep/failed", len(summary.failed))
        if summary.jobs:
            self.client.log_artifact(self.run_id, str(self.folder / "summary.md"))
        if self.horizons is not None:
            self._log_horizons(self.horizons)
        self.client.set_terminated(self.run_id, ending)

    def _log_horizons(self, horizons: "Horizons") -> None:
        for key, value in horizons.metrics().items():
            self.client.log_metric(self.run_id, key, value)
        self.client.log_artifact(self.run_id, str(self.folder / "horizon.json"))
