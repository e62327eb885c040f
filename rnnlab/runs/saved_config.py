"""The config that a run goes on with: what its folder says, if that is what the run was."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnlab.foundation.run_folder import RunFolder
from rnnlab.foundation.yaml_file import read_yaml
from rnnlab.tracking.changes import with_changes
from rnnlab.tracking.manifest import Manifest
from rnnlab.tracking.result import Result, leaves

if TYPE_CHECKING:  # with Lightning, for which a refusal need not wait
    from rnnlab.training.checkpoints import Loaded

REACHED_BY = ("resume", "tracking.uri", "allow_targets")
"""Keys that say how a run is reached, not what it is."""


def read_saved(folder: RunFolder, result: Result, checkpoint: "Loaded | None") -> dict[str, Any]:
    """The config in a run's folder, which anybody may have edited since.

    The checkpoint's own says what it was; before there is one, the params in the manifest do, and
    in both cases what resumes have changed since. Of `result`, a change is dropped that a killed
    process had written down, and not begun.

    Args:
        folder: The run's.
        result: What it says of the run.
        checkpoint: Where the run goes on from, if there is one.

    Raises:
        ValueError: If it cannot be read, or is not what the run was.
    """
    saved = _read(folder.config)
    source, known = _known(folder, checkpoint)
    found = {**dict(leaves(saved)), **result.choices}
    lines = result.changes.splitlines(keepends=True)
    for count in range(len(lines), -1, -1):
        changes = "".join(lines[:count])
        if not any(_differing(found, with_changes(known, changes))):
            result.changes = changes
            return saved
    key, value, had = next(_differing(found, with_changes(known, result.changes)))
    place = folder.result if key in result.choices else folder.config
    raise ValueError(
        f"{place} has {_said(key, value)}, and {source} has {_said(key, had)}: a run goes on as it "
        "was\nSet it back as it was; what may change is said on the command line, with "
        "resume.allow_changes=true"
    )


def _known(folder: RunFolder, checkpoint: "Loaded | None") -> tuple[Path, dict[str, str]]:
    """What the run is by its own record, flat, and the file that has it."""
    if checkpoint is None:
        return folder.manifest, Manifest.read(folder.path).params
    path, config, choices = checkpoint.path, *map(checkpoint.own.get, ("config", "choices"))
    if not isinstance(config, dict) or not isinstance(choices, dict):
        raise ValueError(f"{path} was not written by rnnlab's command: it has no config")
    try:
        return path, {**dict(leaves(config)), **choices}
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} has no config of plain values") from error


def _differing(
    found: Mapping[str, str], known: Mapping[str, str]
) -> Iterator[tuple[str, str | None, str | None]]:
    """Each key with what was found and what is known; a manifest knows more than a config has."""
    for key in dict.fromkeys((*found, *(key for key in known if "." in key))):
        reached_by = any(key == of or key.startswith(f"{of}.") for of in REACHED_BY)
        if not reached_by and found.get(key) != known.get(key):
            yield key, found.get(key), known.get(key)


def _said(key: str, value: str | None) -> str:
    return f"no {key}" if value is None else f"{key}={value}"


def _read(path: Path) -> dict[str, Any]:
    saved = read_yaml(path)
    if not isinstance(saved, dict):
        raise ValueError(f"{path} is not the config of a run")
    return saved
