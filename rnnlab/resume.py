"""Going on where a run stopped: `resume=` a run's folder, or one of its checkpoints."""

from pathlib import Path
from typing import Any

from rnnlab import checkpoints
from rnnlab.result import Result
from rnnlab.trial import leaves

STORE = "tracking.uri"
Resumed = tuple[dict[str, Any], dict[str, str], list[str], Path, str]


def resumed(config: dict[str, Any], overrides: list[str]) -> Resumed:
    """The config, choices, overrides, folder and MLflow run id of the run that `resume` names.

    A run goes on as it was: its config is read back from its last checkpoint, and whatever the
    command line asks for besides must be what the run has.

    Raises:
        ValueError: If there is nothing to resume, or the command line asks for something else.
    """
    if not isinstance(config["resume"], str):
        raise ValueError(f"resume={config['resume']!r} is not a run's folder or checkpoint")
    folder = Path(config["resume"]).absolute()
    if folder.suffix == ".ckpt":
        folder = folder.parent.parent
    checkpoint = checkpoints.load(folder / "checkpoints" / checkpoints.LAST)
    result = Result.read(folder)
    if result.status == "FINISHED":
        raise ValueError(f"resume={config['resume']!r} has finished: there is nothing to resume")
    saved, choices = checkpoint["rnnlab"]["config"], checkpoint["rnnlab"]["choices"]
    asked, had = dict(leaves(config)), dict(leaves(saved)) | choices
    for override in overrides:
        key = override.lstrip("+").partition("=")[0]
        value = asked.get(key, override.partition("=")[2])
        if key not in ("resume", STORE) and had.get(key) != value:
            raise ValueError(
                f"{key}={value} cannot change on resume: the run has {key}={had.get(key)}"
            )
    if config["tracking"]["uri"] is not None:
        saved["tracking"]["uri"] = config["tracking"]["uri"]  # the same store, reached anew
    elif "***" in (saved["tracking"]["uri"] or ""):
        raise ValueError(f"{STORE} is needed to resume: no run keeps its password")
    return saved, choices, result.overrides, folder, result.run_id
