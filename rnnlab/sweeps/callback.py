"""What Hydra calls as a sweep starts; the sweep itself is in sweep.py."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra._internal.callbacks import Callbacks
from hydra.core.global_hydra import GlobalHydra
from hydra.core.utils import JobReturn
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from rnnlab.foundation.checks import check_folder
from rnnlab.foundation.links import refuse_links
from rnnlab.foundation.masking import masked
from rnnlab.foundation.run_folder import RunFolder, SweepFolder
from rnnlab.runs.hydra_job import check_run
from rnnlab.runs.hydra_loader import CheckedLoader
from rnnlab.runs.resume_option import AUTO, read_resume, without_resume
from rnnlab.sweeps.fork_server import end_fork_server, start_fork_server
from rnnlab.sweeps.job_checks import check_sweep
from rnnlab.sweeps.plan import Plan
from rnnlab.sweeps.plugins import BASIC_SWEEPER, HORIZON_SWEEPER, PROCESS_LAUNCHER
from rnnlab.tracking.result import read_failure, read_finished

if TYPE_CHECKING:
    from rnnlab.sweeps.sweep import Sweep


class SweepCallback(Callback):
    """Begins the sweep before its first job; `finish` ends it, whatever became of the jobs.

    Hydra calls a callback when a multirun starts under any launcher, but not when one ends with a
    failed job, so that `run.main`, which makes this, calls `finish`.
    """

    def __init__(self) -> None:
        self.sweep: Sweep | None = None

    def begin(self, config: DictConfig) -> None:
        """Check all that can be known of the sweep; then open its store and begin it.

        Raises:
            ValueError: For what is refused, before anything is made.
        """
        where = Path(config.hydra.sweep.dir).absolute()
        folder = SweepFolder(check_folder("hydra.sweep.dir", where))
        searches = config.hydra.sweeper._target_ == HORIZON_SWEEPER
        overrides = [masked(override) for override in config.hydra.overrides.task]
        resumes, planned = _resumes(config), config.hydra.sweeper._target_ == BASIC_SWEEPER
        if not ((searches or planned or resumes) and folder.sweep_file.exists()):
            _refuse_used(folder)
        refuse_links(folder)
        loader = GlobalHydra.instance().config_loader()
        assert isinstance(loader, CheckedLoader)
        jobs = check_sweep(config, loader, partial(import_beside, config))
        if not folder.sweep_file.exists():
            for job in jobs:
                _refuse_run_in(RunFolder(job.folder))
        plan = Plan({job.overrides: job.of for job in jobs}) if planned else None
        if not searches:  # a search begins once it has checked what it is asked
            self.make(config, plan).begin(without_resume(overrides))

    def make(self, config: DictConfig, plan: Plan | None = None) -> "Sweep":
        """The sweep, before it begins.

        Args:
            config: Of the sweep.
            plan: Its jobs, where they are known beforehand.
        """
        from rnnlab.foundation.quiet import quiet_tools
        from rnnlab.sweeps.sweep import Sweep

        quiet_tools()
        folder = SweepFolder(Path(config.hydra.sweep.dir).absolute())
        uri, experiment = config.tracking.uri, config.tracking.experiment
        allow = list(config.allow_targets)
        self.sweep = Sweep(folder, uri, experiment, config.hydra.overrides.task, plan, allow)
        return self.sweep

    def job_ended(self, config: DictConfig) -> None:
        """A line for a job that a launcher has run in the sweep's own process.

        Args:
            config: The job's.
        """
        if self.sweep is None or self.sweep.jobs is None:  # a job in a process of its own
            return
        folder = Path(config.hydra.runtime.output_dir)
        label = self.sweep.jobs.label(str(config.hydra.sweep.subdir))
        self.sweep.progress.ended(label, read_finished(folder), read_failure(folder) or "")

    def finish(self, status: int) -> int:
        """End the sweep, if one has begun; the exit status, 1 at least if a job failed.

        Args:
            status: The exit status so far: above 128 a signal has stopped the sweep.
        """
        if self.sweep is None or self.sweep.parent is None:
            end_fork_server()
        return status if self.sweep is None else self.sweep.finish(status)

    def __getstate__(self) -> Mapping[str, Any]:
        return {"sweep": None}  # jobs in processes of their own get Hydra's callbacks


class CallbacksWithSweep(Callbacks):
    """Those of a config, after rnnlab's own, which alone may refuse what Hydra is to run.

    Of what another raises Hydra makes a warning.

    Args:
        sweep_callback: rnnlab's.
        config: Names the others.
    """

    def __init__(self, sweep_callback: SweepCallback, config: DictConfig | None = None) -> None:
        super().__init__(config)
        self.sweep_callback = sweep_callback

    def on_run_start(self, config: DictConfig, **named: Any) -> None:
        check_run(config)
        super().on_run_start(config, **named)

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **named: Any) -> None:
        super().on_job_end(config, job_return, **named)
        self.sweep_callback.job_ended(config)

    def on_multirun_start(self, config: DictConfig, **named: Any) -> None:
        try:
            self.sweep_callback.begin(config)
        except OSError as error:
            raise ValueError(str(error)) from error
        super().on_multirun_start(config, **named)


def import_beside(config: DictConfig) -> None:
    """Have what the jobs need imported while this process checks them and opens the store."""
    if config.hydra.launcher._target_ == PROCESS_LAUNCHER:
        start_fork_server()


def _resumes(config: DictConfig) -> bool:
    name = read_resume(config).run
    if name not in (None, AUTO):
        raise ValueError(f"resume={name} goes on with one run: a sweep takes resume={AUTO}")
    return name == AUTO


def _refuse_used(folder: SweepFolder) -> None:
    if folder.sweep_file.exists():
        raise ValueError(f"hydra.sweep.dir={folder.path} holds a sweep already")
    for path in folder.path.glob("*"):
        _refuse_run_in(RunFolder(path))


def _refuse_run_in(folder: RunFolder) -> None:
    if folder.result.exists():
        raise ValueError(f"hydra.sweep.dir: {folder.path} holds a run already")
