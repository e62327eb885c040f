"""python -m rnnlab.run: train one cell on one task, or sweep over many with -m.

Hydra composes the config, this module hands it on as plain values. What is heavy to import is
imported once there is something to run, so that `--help` and a typo answer at once.
"""

import os
import signal
import sys
import traceback
from pathlib import Path
from types import FrameType

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from omegaconf import DictConfig, OmegaConf

from rnnlab.errors import explain
from rnnlab.options import register_options
from rnnlab.sweeps.launcher import JobFailed, ProcessLauncher
from rnnlab.sweeps.sweep import Sweep

PACKAGE = Path(__file__).resolve().parent
# A wheel carries conf/ inside the package; a checkout has it beside the package.
CONF = next(d for d in (PACKAGE / "conf", PACKAGE.parent / "conf") if d.is_dir())

GROUPS = ("cell", "task", "clip", "optimizer", "schedule", "trainer", "tracking", "experiment")


class Stopped(SystemExit):
    """A signal ends the process, through every `finally`, with the status that shells expect."""

    def __init__(self, signum: int) -> None:
        super().__init__(128 + signum)
        self.signum = signum


def stop_on_signals() -> None:
    """Let Ctrl-C and SIGTERM unwind as `Stopped`: Lightning and Hydra would lose their status."""

    def stop(signum: int, _: FrameType | None) -> None:
        raise Stopped(signum)

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)


def job(cfg: DictConfig) -> float | None:
    """Hydra's task function: one run; returns the test loss, which sweepers minimise."""
    from rnnlab.resume import resumed
    from rnnlab.summary import summary
    from rnnlab.trial import run_trial

    settings = HydraConfig.get()
    folder = Path(settings.runtime.output_dir)
    config = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    choices = {group: str(settings.runtime.choices[group]) for group in GROUPS}
    overrides = list(settings.overrides.task)
    run_id = None
    if cfg.resume is not None:
        config, choices, overrides, folder, run_id = resumed(config, overrides)
    try:
        result = run_trial(config, choices, overrides, folder, run_id)
    except Exception:
        (folder / "failure.txt").write_text(traceback.format_exc(), encoding="utf-8")
        raise
    sys.stdout.write(f"\n{summary(result)}\n")
    return result.metrics.get("test/loss")


def main() -> None:
    stop_on_signals()
    arguments = get_args_parser().parse_args()
    folders = [CONF, *([Path(arguments.config_dir)] if arguments.config_dir else [])]
    register_options(folders)
    Plugins.instance().register(ProcessLauncher)
    traceback_wanted = os.environ.get("HYDRA_FULL_ERROR") == "1"
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra raises instead of printing: `explain` prints
    status = 0
    try:
        hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")(job)()
    except SystemExit as stop:
        status = stop.code
    except JobFailed:
        status = 1  # the sweep's summary names it
    except Exception as error:  # noqa: BLE001 the one place where errors become messages
        message = None if traceback_wanted else explain(error, folders, arguments.overrides)
        sys.stderr.write(traceback.format_exc() if message is None else f"{message}\n")
        status = 1 if message is None else 2
    finally:
        if Sweep.current is not None:
            failed = Sweep.current.finish()
            status = status or failed
    sys.exit(status)


if __name__ == "__main__":
    main()
