"""Hydra's task function: what it composed, as plain values, is checked and becomes one run."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from rnnlab.foundation import garbage
from rnnlab.foundation.files import write_text
from rnnlab.foundation.folder_lock import locked
from rnnlab.foundation.masking import masked
from rnnlab.foundation.run_folder import RunFolder
from rnnlab.foundation.signals import Stopped
from rnnlab.foundation.terminal import short
from rnnlab.runs.hydra_plain import run_folder, to_plain
from rnnlab.runs.request import Request, refuse_used
from rnnlab.runs.resume_option import AUTO, read_resume, without_resume
from rnnlab.runs.settings import read_settings
from rnnlab.runs.trial import try_out, try_store
from rnnlab.tracking.result import Result, write_failure

if TYPE_CHECKING:
    from rnnlab.runs.resume import EarlierRun

GROUPS = (
    *("cell", "task", "clip", "optimizer", "schedule", "trainer", "tracking", "diagnostics"),
    "experiment",
)


def check_run(config: DictConfig) -> None:
    """Refuse, before Hydra makes a folder for it, what could not run or go on.

    Args:
        config: What Hydra composed, with its own section.

    Raises:
        ValueError: Named by its dotted key.
    """
    folder = run_folder(config)
    plain = to_plain(config, folder)
    read_settings(plain)
    request = _request(plain, config.hydra, folder)
    earlier = _earlier(plain, request, in_sweep=False)
    if earlier is None:
        refuse_used(RunFolder(folder))
    else:
        plain = earlier.config
        with locked(earlier.folder):  # or one that is at work there is told of
            pass
        if earlier.finished:
            return
    try_out(plain)
    try_store(plain)


def job(cfg: DictConfig) -> float | None:
    """Run what `cfg` says, print its summary, and return the test loss, which sweepers minimise."""
    from rnnlab.runs.summary import summary

    garbage.resume()
    settings = HydraConfig.get()
    folder = Path(settings.runtime.output_dir)
    plain = cast(dict[str, Any], OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True))
    mask_files(RunFolder(folder).hydra)
    request = _request(plain, settings, folder)
    in_sweep = settings.mode == RunMode.MULTIRUN
    try:
        earlier = _earlier(plain, request, in_sweep)
        folder = folder if earlier is None else earlier.folder
        result = _result(plain, request, earlier)
    except Stopped:
        if RunFolder(folder).result.exists() and Result.read(folder).status != "FINISHED":
            sys.stderr.write(f"\nto go on: python -m rnnlab.run resume={short(folder)}\n")
        raise
    except Exception as error:
        # A run writes down its own; here it is what was refused, in a folder that is this sweep's.
        if in_sweep:
            write_failure(folder, error)
        raise
    sys.stdout.write(f"\n{summary(result)}\n")
    return result.metrics.get("test/loss")


def _request(plain: dict[str, Any], settings: Any, folder: Path) -> Request:
    """What was asked for, with what Hydra's own section says of it."""
    choices = {group: _choice(settings.runtime.choices, plain, group) for group in GROUPS}
    return Request(choices, without_resume(list(settings.overrides.task)), folder)


def _earlier(plain: dict[str, Any], request: Request, in_sweep: bool) -> "EarlierRun | None":
    """The run to go on with, if `resume` names one and there is one; a job's is in its own folder."""
    name = read_resume(plain).run
    if name is None:
        return None
    from rnnlab.runs.resume import earlier_run, find_begun

    if name == AUTO:
        found = find_begun(request.folder, request.overrides, anywhere=not in_sweep)
        name = None if found is None else str(found)
    return None if name is None else earlier_run(name, plain, request.choices, request.overrides)


def _result(plain: dict[str, Any], request: Request, earlier: "EarlierRun | None") -> Result:
    """Of a new run; of an earlier one that goes on; or of one that had finished."""
    from rnnlab.runs.one_run import run_one
    from rnnlab.runs.run_config import read_config
    from rnnlab.tracking.lifecycle import deliver_finished
    from rnnlab.tracking.store import tracking_uri

    if earlier is None:
        return run_one(read_config(plain), request)
    if earlier.finished:
        sys.stdout.write(f"{earlier.finished}\n")
        return deliver_finished(earlier.folder, tracking_uri(earlier.config["tracking"]["uri"]))
    same = Request(earlier.result.choices, earlier.result.overrides, earlier.folder)
    return run_one(read_config(earlier.config), same, earlier)


def mask_files(folder: Path) -> None:
    """Leave passwords out of the files that Hydra has written of a config."""
    for path in folder.glob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        if (shown := masked(text)) != text:
            write_text(path, shown)


def _choice(choices: Mapping[str, Any], plain: dict[str, Any], group: str) -> str:
    """What was chosen of a group; of a list, as diagnostics=[omega,lyapunov], Hydra says nothing."""
    if group in choices:
        return str(choices[group])
    if not isinstance(plain.get(group), Mapping):
        raise ValueError(f"{group}=[] chooses nothing")
    return f"[{','.join(plain[group])}]"
