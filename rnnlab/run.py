"""python -m rnnlab.run: train one cell on one task, or sweep over many with -m.

What is heavy to import is imported where there is something to run, so that `--help` and a typo
answer at once.
"""

import os
import signal
import sys
import traceback
from functools import partial
from pathlib import Path

import hydra
from hydra._internal import hydra as hydra_app
from hydra._internal.utils import get_args_parser
from hydra.core.plugins import Plugins

from rnnlab.foundation import garbage, slurm
from rnnlab.foundation.folder_lock import let_go_all
from rnnlab.foundation.masking import first_line, masked
from rnnlab.foundation.signals import Stopped, stop_on_signals
from rnnlab.foundation.streams import safe_streams
from rnnlab.foundation.terminal import fitted
from rnnlab.runs.foreign_files import CONF
from rnnlab.runs.hydra_compose import use_checked_loader
from rnnlab.runs.hydra_errors import explain
from rnnlab.runs.hydra_help import register_options
from rnnlab.runs.hydra_job import job
from rnnlab.runs.hydra_overrides import key_of, value_of
from rnnlab.runs.installed_plugins import only_installed_plugins
from rnnlab.runs.own_modules import look_in
from rnnlab.runs.repeated import without_from
from rnnlab.runs.resume_option import with_key
from rnnlab.sweeps.callback import CallbacksWithSweep, SweepCallback
from rnnlab.sweeps.horizon_sweeper import HorizonSweeper
from rnnlab.sweeps.known_jobs import instantiate_launcher
from rnnlab.sweeps.plugins import HORIZON_SWEEPER, PROCESS_LAUNCHER
from rnnlab.sweeps.process_launcher import JobFailedError, ProcessLauncher

PLUGINS = {PROCESS_LAUNCHER: ProcessLauncher, HORIZON_SWEEPER: HorizonSweeper}

FULL_ERROR = "HYDRA_FULL_ERROR"  # environment: 1 shows the traceback of every error


def main() -> None:
    """The command line: exit 0, 1 if a job failed, 2 for a request that cannot be met."""
    with safe_streams():
        status = _run()
    sys.exit(status)


def _run() -> int:
    garbage.pause()  # until a job or a launcher begins to work
    stop_on_signals()
    sys.argv = with_key(sys.argv)
    arguments = get_args_parser().parse_intermixed_args()
    folders = [CONF, *([Path(arguments.config_dir)] if arguments.config_dir else [])]
    register_options(folders)
    if arguments.experimental_rerun:
        sys.stderr.write("--experimental-rerun would run a pickle: resume= goes on with a run\n")
        return 2
    try:
        only_installed_plugins(folders[1:])
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sweep = SweepCallback()
    _extend_hydra(sweep)
    try:
        overrides = without_from(arguments.overrides, folders)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{first_line(error)}\n")
        return 2
    sys.argv = [*_options(sys.argv, arguments.overrides), *overrides]
    allowed = [value_of(o) for o in overrides if key_of(o) == "allow_targets"]
    for folder in folders[1:] if allowed else []:
        look_in(folder, allowed)
    try:
        status = sweep.finish(_run_hydra(folders, overrides))
    finally:
        let_go_all()
    if status == 128 + signal.SIGUSR1:
        slurm.requeue()
    return status


def _options(words: list[str], overrides: list[str]) -> list[str]:
    """What is no override: Hydra takes `cell=gru -m seed=0,1` with that first."""
    left, options = list(overrides), []
    for word in words:
        if left and word == left[0]:
            del left[0]
        else:
            options.append(word)
    return options


def _extend_hydra(sweep: SweepCallback) -> None:
    """What Hydra has no hook for, or a hook that only an installed package can use."""
    use_checked_loader()
    hydra_app.Callbacks = partial(CallbacksWithSweep, sweep)  # pyrefly: ignore[bad-assignment]
    Plugins.instantiate_launcher = instantiate_launcher  # pyrefly: ignore[bad-assignment]
    Plugins.instance().class_name_to_class.update(PLUGINS)


def _run_hydra(folders: list[Path], overrides: list[str]) -> int:
    """Hydra with its errors as short messages; returns the exit status."""
    before = os.environ.get(FULL_ERROR, "0")
    os.environ[FULL_ERROR] = "1"  # Hydra raises instead of printing: `explain` prints
    try:
        hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")(job)()
    except Stopped as stopped:
        sys.stderr.write(f"stopped by {stopped}\n")
        return 128 + stopped.signum
    except JobFailedError:
        return 1  # the sweep's summary names it
    except Exception as error:  # noqa: BLE001 the one place where errors become messages
        message = explain(error, folders, overrides)
        whole = message is None or before == "1"
        text = traceback.format_exc() if whole else f"{fitted(str(message), sys.stderr)}\n"
        sys.stderr.write(masked(text))
        return 1 if message is None else 2
    finally:
        os.environ[FULL_ERROR] = before
        garbage.resume()
    return 0


if __name__ == "__main__":
    main()
