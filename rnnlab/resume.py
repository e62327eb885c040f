"""Going on where a run stopped: `resume=` its folder, its last checkpoint, its id, or `auto`.

`resume=auto` is the same command again: it goes on with what that command began and has not
finished, and begins if there is nothing.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from rnnlab import checkpoints
from rnnlab.at_work import AtWorkError, at_work
from rnnlab.config import ALLOWED_PACKAGES
from rnnlab.masking import MASK, masked
from rnnlab.result import CONFIG, FILE, Result, leaves
from rnnlab.tracking.store import tracking_uri

AUTO = "auto"
STORE = "tracking.uri"
CHANGEABLE = (
    "train",
    "eval",
    "optimizer",
    "clip",
    "trainer",
    "tracking",
    "diagnostics",
    "num_threads",
)
"""What `resume.allow_changes` may change: not what the run is, nor what its optimizer stands on."""


@dataclass(frozen=True)
class Earlier:
    """A run that goes on.

    Args:
        config: Its own, with the changes that were allowed.
        result: How it stands.
        checkpoint: Where it goes on from; None: from its start.
    """

    config: dict[str, Any]
    result: Result
    checkpoint: Path | None

    @property
    def folder(self) -> Path:
        return Path(self.result.folder)


def asked(config: Mapping[str, Any]) -> tuple[Any, bool]:
    """What `resume` names, and whether changes are allowed; `resume: X` in a file means `run: X`."""
    section = config.get("resume")
    if not isinstance(section, Mapping):
        return section, False
    for key in section:
        if key not in ("run", "allow_changes"):
            raise ValueError(f"resume.{key} is unknown. Allowed: run, allow_changes")
    allow = section.get("allow_changes", False)
    if not isinstance(allow, bool):
        raise ValueError(f"resume.allow_changes={allow} is neither true nor false")
    return section.get("run"), allow


def without_resume(overrides: list[str]) -> list[str]:
    """The overrides that say what a run is."""
    return [o for o in overrides if not re.match(r"\+*resume[.=]", o)]


def begun(folder: Path, overrides: list[str]) -> Path | None:
    """What `resume=auto` goes on with: the run in its folder, or the newest that had its overrides.

    A run that is at work is none, nor is one that has finished elsewhere than in `folder`.
    """
    if (folder / FILE).exists():
        return folder
    same = sorted(masked(override) for override in overrides)
    for path in sorted(Path("outputs/runs").glob(f"*/*/{FILE}"), reverse=True):
        try:
            result = Result.read(path.parent)
            with at_work(path.parent):
                pass
        except (AtWorkError, ValueError):
            continue
        if sorted(result.overrides) == same:
            return None if result.status == "FINISHED" else path.parent.absolute()
    return None


def earlier_run(
    name: object, config: dict[str, Any], overrides: list[str], finished: bool = False
) -> Earlier:
    """The run that `resume` names; `finished`: also one that has nothing left to do.

    A run goes on as it was: its config is read back, and what the command line asks for besides
    must be what the run has, or be allowed to change.

    Raises:
        ValueError: If there is nothing to resume, or the command line asks for something else.
    """
    folder = _folder(name, config["tracking"]["uri"])
    result = Result.read(folder)
    result.folder = str(folder)  # it may have been moved
    if result.status == "FINISHED" and not finished:
        raise ValueError(f"resume={name!r} has finished: there is nothing to resume")
    saved = _config(folder)
    changes = _changes(saved, result.choices, config, overrides)
    if changes and not asked(config)[1]:
        key, (had, value) = next(iter(changes.items()))
        raise ValueError(
            f"{key}={value} cannot change on resume: the run has {key}={had} "
            "(resume.allow_changes=true lets it, and writes it down)"
        )
    _apply(changes, saved, result, config)
    _restore_masked(saved, config)
    _refuse_foreign_code(saved, config)
    return Earlier(saved, result, checkpoints.newest(folder / "checkpoints"))


def _config(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG
    try:
        saved = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    if not isinstance(saved, dict):
        raise ValueError(f"{path} is not the config of a run")
    return saved


def _changes(
    saved: dict[str, Any], choices: dict[str, str], config: dict[str, Any], overrides: list[str]
) -> dict[str, tuple[str | None, str | None]]:
    """Each key of the command line that is not what the run has: what it has, and what is asked."""
    now, had = dict(leaves(config)), dict(leaves(saved)) | choices
    changes = {}
    for override in overrides:
        key, _, text = override.lstrip("+").partition("=")
        value = text if key in choices else now.get(key)
        if key != STORE and had.get(key) != value:
            changes[key] = had.get(key), value
    return changes


def _apply(
    changes: Mapping[str, tuple[str | None, str | None]],
    saved: dict[str, Any],
    result: Result,
    config: dict[str, Any],
) -> None:
    for key, (had, value) in changes.items():
        section = key.partition(".")[0]
        if section not in CHANGEABLE or key in result.choices:
            allowed = ", ".join(CHANGEABLE)
            raise ValueError(
                f"{key}={value} cannot change on resume. What can, one key at a time: {allowed}"
            )
        if section == "optimizer" and saved["schedule"]:
            raise ValueError(
                f"{key}={value} cannot change on resume: the schedule goes by what it was"
            )
        _take(key, saved, config)
        result.changes += f"{key}: {had} -> {value}\n"


def _take(key: str, saved: dict[str, Any], config: dict[str, Any]) -> None:
    """Into the saved config, the value of a dotted key in another."""
    *sections, name = key.split(".")
    for section in sections:
        saved, config = saved[section], config[section]
    saved[name] = config[name]


def _restore_masked(saved: dict[str, Any], config: dict[str, Any]) -> None:
    """What was left out of the run's files as secret is taken from the command line again.

    Raises:
        ValueError: If that does not have it.
    """
    if config["tracking"]["uri"] is not None:
        saved["tracking"]["uri"] = config["tracking"]["uri"]  # the same store, reached anew
    now = dict(leaves(config))
    for key, value in leaves(saved):
        if MASK in value:
            if MASK in now.get(key, MASK) or masked(now[key]) != value:
                raise ValueError(f"{key} is needed again to resume: a run's files keep no secret")
            _take(key, saved, config)


def _refuse_foreign_code(saved: dict[str, Any], config: dict[str, Any]) -> None:
    """A run's files may come from anywhere: they cannot allow code, the command line alone can."""
    for key, value in leaves(saved):
        package = value.partition(".")[0]
        allowed = (*ALLOWED_PACKAGES, *(config["allow_targets"] or ()))
        if key.endswith("_target_") and not any(value.startswith(f"{p}.") for p in allowed):
            raise ValueError(
                f"{key}={value} of the run is not in an allowed package: "
                f"allow_targets=[{package}] allows it again"
            )
    saved["allow_targets"] = config["allow_targets"]


def _folder(name: object, uri: str | None) -> Path:
    """The folder of the run that is named by it, by its last checkpoint, or by its MLflow id."""
    if not isinstance(name, str):
        raise ValueError(f"resume={name!r} is not a run's folder, last checkpoint or id")
    path = Path(name).absolute()
    if path.suffix == ".ckpt":
        if path.name != checkpoints.LAST:
            raise ValueError(f"resume={name!r}: a run goes on from its {checkpoints.LAST}")
        path = path.parent.parent
    elif not path.exists() and re.fullmatch("[0-9a-f]{32}", name):
        path = _folder_of_id(name, uri)
    if not (path / FILE).exists():
        raise ValueError(f"resume={name!r}: there is no run in {path}")
    return path


def _folder_of_id(run_id: str, uri: str | None) -> Path:
    try:
        run = MlflowClient(tracking_uri(uri)).get_run(run_id)
        folder = Path(run.data.tags["rnnlab.folder"])
        if Result.read(folder).run_id == run_id:
            return folder
    except (MlflowException, KeyError, ValueError) as error:
        raise ValueError(f"resume={run_id!r}: no run of rnnlab has this id") from error
    raise ValueError(f"resume={run_id!r}: the run in {folder} is another")
