"""Hydra's task function: what it composed, as plain values, becomes one run."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from rnnlab.foundation import garbage
from rnnlab.foundation.files import write_text
from rnnlab.foundation.masking import masked
from rnnlab.foundation.signals import Stopped
from rnnlab.runs.resume_option import AUTO, asked, without_resume
from rnnlab.tracking.result import FILE, Result, write_failure

if TYPE_CHECKING:
    from rnnlab.runs.resume import Earlier

GROUPS = (
    *("cell", "task", "clip", "optimizer", "schedule", "trainer", "tracking", "diagnostics"),
    "experiment",
)


def job(cfg: DictConfig) -> float | None:
    """Run what `cfg` says, print its summary, and return the test loss, which sweepers minimise."""
    from rnnlab.runs.one_run import run_trial
    from rnnlab.runs.summary import summary
    from rnnlab.tracking.lifecycle import deliver_finished
    from rnnlab.tracking.store import tracking_uri

    garbage.resume()
    settings = HydraConfig.get()
    folder = Path(settings.runtime.output_dir)
    config = cast(dict[str, Any], OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True))
    mask_files(folder / ".hydra")
    choices = {group: _choice(settings.runtime.choices, config, group) for group in GROUPS}
    overrides = without_resume(list(settings.overrides.task))
    try:
        earlier = _earlier(config, choices, overrides, folder)
        if earlier is not None:
            config, folder = earlier.config, earlier.folder
            choices, overrides = earlier.result.choices, earlier.result.overrides
        if earlier is not None and earlier.result.status == "FINISHED":
            result = deliver_finished(folder, tracking_uri(config["tracking"]["uri"]))
        else:
            result = run_trial(config, choices, overrides, folder, earlier)
    except Stopped:
        if (folder / FILE).exists() and Result.read(folder).status != "FINISHED":
            sys.stderr.write(f"\nto go on: python -m rnnlab.run resume={folder}\n")
        raise
    except Exception as error:
        # A run writes down its own; here it is what was refused, in a folder that is this sweep's.
        if settings.mode == RunMode.MULTIRUN:
            write_failure(folder, error)
        raise
    sys.stdout.write(f"\n{summary(result)}\n")
    return result.metrics.get("test/loss")


def _earlier(
    config: dict[str, Any], choices: Mapping[str, str], overrides: list[str], folder: Path
) -> "Earlier | None":
    """The run to go on with, if `resume` asks for one and there is one."""
    from rnnlab.runs.resume import begun, earlier_run

    name, _ = asked(config)
    if name == AUTO:
        found = begun(folder, overrides)
        name = None if found is None else str(found)
    return None if name is None else earlier_run(name, config, choices, overrides)


def mask_files(folder: Path) -> None:
    """Leave passwords out of the files that Hydra has written of a config."""
    for path in folder.glob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        if (shown := masked(text)) != text:
            write_text(path, shown)


def _choice(choices: Mapping[str, Any], config: dict[str, Any], group: str) -> str:
    """What was chosen of a group; of a list, as diagnostics=[omega,lyapunov], Hydra says nothing."""
    if group in choices:
        return str(choices[group])
    if not isinstance(config.get(group), Mapping):
        raise ValueError(f"{group}=[] chooses nothing")
    return f"[{','.join(config[group])}]"
