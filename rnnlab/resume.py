"""Going on where a run stopped: `resume=` a run's folder, its last checkpoint, or its id."""

import re
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from rnnlab import checkpoints
from rnnlab.result import Result, leaves
from rnnlab.tracking.store import tracking_uri

STORE = "tracking.uri"
Resumed = tuple[dict[str, Any], dict[str, str], list[str], Path, str]


def resumed(config: dict[str, Any], overrides: list[str]) -> Resumed:
    """The config, choices, overrides, folder and MLflow run id of the run that `resume` names.

    A run goes on as it was: its config is read back from its last checkpoint, and whatever the
    command line asks for besides must be what the run has.

    Raises:
        ValueError: If there is nothing to resume, or the command line asks for something else.
    """
    folder = _folder(config["resume"], config["tracking"]["uri"])
    checkpoint = checkpoints.load(folder / "checkpoints" / checkpoints.LAST)
    result = Result.read(folder)
    if result.status == "FINISHED":
        raise ValueError(f"resume={config['resume']!r} has finished: there is nothing to resume")
    saved, choices = checkpoint["rnnlab"]["config"], checkpoint["rnnlab"]["choices"]
    asked, had = dict(leaves(config)), dict(leaves(saved)) | choices
    for override in overrides:
        key = override.lstrip("+").partition("=")[0]
        value = override.partition("=")[2] if key in choices else asked.get(key)
        if key not in ("resume", STORE) and had.get(key) != value:
            raise ValueError(
                f"{key}={value} cannot change on resume: the run has {key}={had.get(key)}"
            )
    if config["tracking"]["uri"] is not None:
        saved["tracking"]["uri"] = config["tracking"]["uri"]  # the same store, reached anew
    elif "***" in (saved["tracking"]["uri"] or ""):
        raise ValueError(f"{STORE} is needed again to resume: a checkpoint keeps no password")
    return saved, choices, result.overrides, folder, result.run_id


def _folder(name: object, uri: str | None) -> Path:
    """The folder of the run that is named by it, by its last checkpoint, or by its MLflow id."""
    if not isinstance(name, str):
        raise ValueError(f"resume={name!r} is not a run's folder, last checkpoint or id")
    path = Path(name).absolute()
    if path.suffix == ".ckpt":
        if path.name != checkpoints.LAST:
            raise ValueError(f"resume={name!r}: a run goes on from its {checkpoints.LAST}")
        return path.parent.parent
    if path.exists() or not re.fullmatch("[0-9a-f]{32}", name):
        return path
    try:
        return Path(MlflowClient(tracking_uri(uri)).get_run(name).data.tags["rnnlab.folder"])
    except (MlflowException, KeyError) as error:
        raise ValueError(f"resume={name!r}: no run of rnnlab has this id") from error
