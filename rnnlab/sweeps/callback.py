"""What Hydra calls as a sweep starts; the sweep itself is in sweep.py."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra._internal.callbacks import Callbacks
from hydra.errors import MissingConfigException
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from rnnlab.foundation.masking import masked
from rnnlab.foundation.run_folder import SweepFolder
from rnnlab.runs.resume_option import AUTO, read_resume, without_resume
from rnnlab.sweeps.plugins import HORIZON_SWEEPER, PROCESS_LAUNCHER

if TYPE_CHECKING:
    from rnnlab.sweeps.sweep import Sweep


class SweepCallback(Callback):
    """Begins the sweep before its first job; `finish` ends it, whatever became of the jobs.

    Hydra calls a callback when a multirun starts under any launcher, but not when one ends with a
    failed job, so that `run.main`, which makes this, calls `finish`.
    """

    def __init__(self) -> None:
        self.sweep: Sweep | None = None

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        if config.hydra.launcher._target_ == PROCESS_LAUNCHER:
            from rnnlab.sweeps.fork_server import start_fork_server

            start_fork_server()  # it imports while this process opens the store
        from rnnlab.foundation.quiet import quiet_tools
        from rnnlab.sweeps.plan import Plan
        from rnnlab.sweeps.sweep import Sweep

        quiet_tools()
        folder = SweepFolder(Path(config.hydra.sweep.dir).absolute())
        searches = config.hydra.sweeper._target_ == HORIZON_SWEEPER
        overrides = [masked(override) for override in config.hydra.overrides.task]
        try:
            resumes, plan = _resumes(config), Plan.read(config)
            if not ((searches or plan or resumes) and folder.sweep_file.exists()):
                _refuse_used(folder)
            self.sweep = Sweep(folder, config.tracking.uri, config.tracking.experiment, plan)
            if not searches:  # a search begins once it has checked what it is asked
                self.sweep.begin(without_resume(overrides))
        except MissingConfigException:  # which is an OSError too
            raise
        except OSError as error:
            raise ValueError(str(error)) from error

    def finish(self, status: int) -> int:
        """End the sweep, if one has begun; the exit status, 1 at least if a job failed.

        Args:
            status: The exit status so far: above 128 a signal has stopped the sweep.
        """
        return status if self.sweep is None else self.sweep.finish(status)

    def __getstate__(self) -> Mapping[str, Any]:
        return {"sweep": None}  # jobs in processes of their own get Hydra's callbacks


class CallbacksWithSweep(Callbacks):
    """Those of a config, after rnnlab's own.

    Args:
        sweep_callback: rnnlab's.
        config: Names the others.
    """

    def __init__(self, sweep_callback: SweepCallback, config: DictConfig | None = None) -> None:
        super().__init__(config)
        self.sweep_callback = sweep_callback

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        # Hydra would turn what it raises into warnings, and the jobs would all fail.
        self.sweep_callback.on_multirun_start(config=config, **kwargs)
        super().on_multirun_start(config, **kwargs)


def _resumes(config: DictConfig) -> bool:
    name = read_resume(config).run
    if name not in (None, AUTO):
        raise ValueError(f"resume={name} goes on with one run: a sweep takes resume={AUTO}")
    return name == AUTO


def _refuse_used(folder: SweepFolder) -> None:
    if folder.sweep_file.exists() or any(path.is_dir() for path in folder.path.glob("*")):
        raise ValueError(f"hydra.sweep.dir={folder.path} holds a sweep already")
