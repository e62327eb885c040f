"""A run that a command names by its folder or by its id in MLflow: where it is."""

import os
import re
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from rnnlab.foundation.here import here
from rnnlab.foundation.run_folder import RunFolder
from rnnlab.runs.hydra_overrides import value_of
from rnnlab.tracking.result import Result

ID = re.compile("[0-9a-f]{32}")
CHECKPOINTS = ("best", "last")
"""Of a run: the one that is tested, and the newest."""
_QUOTED = re.compile(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"", re.DOTALL)


def text_of(word: str) -> str:
    """The text that `key=text` gives, as it stands or in quotes."""
    value = value_of(word)
    quoted = _QUOTED.fullmatch(value)
    if quoted is None:
        return value
    return re.sub(r"\\(['\"])", r"\1", quoted[1] if quoted[1] is not None else quoted[2])


def is_readable_override(word: str) -> bool:
    """Whether Hydra would read it."""
    try:
        OverridesParser.create().parse_override(word)
    except HydraException:
        return False
    return True


def named_folder(option: str, name: str) -> RunFolder | None:
    """The folder that is named; None where an id is.

    Raises:
        ValueError: For anything else.
    """
    if not name:
        raise ValueError(f"{option}= names nothing: the folder of a run, or its id in MLflow")
    path = here() / name
    try:
        if path.is_dir():
            return RunFolder(path.absolute())
    except OSError as error:
        raise ValueError(f"{option}={name} cannot be used: {error.strerror}") from error
    if ID.fullmatch(name):
        return None
    if path.suffix == ".ckpt" and path.exists():
        raise ValueError(f"{option}={name} is a checkpoint: name the run's folder")
    raise ValueError(
        f"{option}={name}: there is no such folder, and it is no id of a run in MLflow"
    )


def folder_here(place: str, run_id: str) -> RunFolder | None:
    """The folder that a store has for a run, if it is on this machine, is that run's, and may be written."""
    folder = RunFolder(Path(place))
    try:
        same = folder.result.exists() and Result.read(folder.path).run_id == run_id
    except (OSError, ValueError):
        return None
    return folder if same and os.access(folder.path, os.W_OK) else None
