"""A sweep as MLflow sees it: one parent run over the runs of its jobs, closed with their table."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from rnnlab.masking import masked
from rnnlab.tracking import PARENT_RUN

if TYPE_CHECKING:
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
        from mlflow.tracking.context.registry import resolve_tags

        from rnnlab import __version__
        from rnnlab.hush import hush
        from rnnlab.tracking.store import open_store, tracking_uri

        hush()
        self.folder = Path(config.hydra.sweep.dir).absolute()
        self.uri = tracking_uri(config.tracking.uri)
        try:
            if config.resume is not None:
                raise ValueError(f"resume={config.resume} goes on with one run: leave -m out")
            if any(path.is_dir() for path in self.folder.glob("*")):
                raise ValueError(f"hydra.sweep.dir={self.folder} holds a sweep already")
            self.client, experiment = open_store(self.uri, config.tracking.experiment)
        except ValueError as error:
            # Hydra turns a callback's exceptions into warnings, and the jobs would all fail.
            sys.stderr.write(f"{error}\n")
            raise SystemExit(2) from error
        overrides = masked(" ".join(config.hydra.overrides.task))
        tags = {
            "rnnlab.kind": "sweep",
            "rnnlab.version": __version__,
            "rnnlab.folder": str(self.folder),
            "rnnlab.overrides": overrides,
        }
        name = f"sweep · {overrides or 'defaults'}"
        run = self.client.create_run(experiment, tags=resolve_tags(tags), run_name=name[:250])
        self.run_id = run.info.run_id
        self.experiment_id = experiment
        os.environ[PARENT_RUN] = self.run_id
        Sweep.current = self

    def finish(self, status: int) -> int:
        """End the parent, and every child that its process left open; print the table.

        Args:
            status: The exit status so far: above 128 a signal has stopped the sweep.

        Returns:
            The exit status: 1 at least if a job failed.
        """
        from rnnlab.sweeps.summary import summarise
        from rnnlab.tracking.store import FAILURES, how_to_see

        Sweep.current = None
        summary = summarise(self.folder)
        status = max(status, 1 if summary.failed else 0)
        ending = "KILLED" if status > 128 else "FAILED" if status else "FINISHED"
        if summary.jobs:  # told before anything is asked of the store
            page = how_to_see(self.uri, self.experiment_id, self.run_id)
            sys.stdout.write(f"\n{summary}\nin MLflow   {page}\n")
            (self.folder / "summary.md").write_text(summary.markdown(), encoding="utf-8")
        try:
            self._close(summary, ending)
        except FAILURES as error:
            sys.stderr.write(f"MLflow could not be told that the sweep is {ending}: {error}\n")
        return status

    def _close(self, summary: "SweepSummary", ending: str) -> None:
        for job in summary.failed:
            if job.run_id and self.client.get_run(job.run_id).info.status == "RUNNING":
                self.client.set_terminated(job.run_id, ending)
        self.client.log_metric(self.run_id, "sweep/jobs", summary.jobs)
        self.client.log_metric(self.run_id, "sweep/failed", len(summary.failed))
        if summary.jobs:
            self.client.log_artifact(self.run_id, str(self.folder / "summary.md"))
        self.client.set_terminated(self.run_id, ending)
