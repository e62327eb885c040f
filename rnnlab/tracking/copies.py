"""A run's folder that was copied: where two have gone on with one run, its store can have what one says."""

from contextlib import suppress
from pathlib import Path

from mlflow import MlflowClient

from rnnlab.foundation.folder_lock import refuse_at_work
from rnnlab.foundation.here import here
from rnnlab.foundation.json_file import read_content
from rnnlab.foundation.run_folder import RunFolder
from rnnlab.tracking.journal import Journal, Point
from rnnlab.tracking.manifest import FOLDER_TAG, Manifest
from rnnlab.tracking.result import Result
from rnnlab.tracking.store import known_id


def refuse_copy(folder: Path) -> None:
    """A copy of a run's folder is that run, unless the folder that it was copied from has gone on.

    Raises:
        ValueError: If it has, or is at work.
    """
    _refuse(folder, read_content(RunFolder(folder).result).get("folder"))


def refuse_copy_in(client: MlflowClient, folder: Path) -> None:
    """The same, of the folder in which its store has seen it last.

    Raises:
        ValueError: If that has gone on, or is at work.
        Exception: As the store fails.
    """
    if run_id := known_id(client, Result.read(folder).run_id):
        _refuse(folder, client.get_run(run_id).data.tags.get(FOLDER_TAG))


def _refuse(folder: Path, place: object) -> None:
    if not isinstance(place, str):
        return
    other = here() / place
    try:
        is_other = other.is_dir() and not other.samefile(folder)
    except OSError:  # a name that no folder has
        return
    if not is_other or not _is_one_run(folder, other):
        return
    refuse_at_work(other)
    if _points(other) - _points(folder):
        raise ValueError(
            f"{folder}: {other} has gone on with this run, which MLflow has once: go on there, "
            "or take that away first"
        )


def _points(folder: Path) -> set[Point]:
    """All that it has measured, so far as that can be read."""
    with suppress(ValueError):
        return set(Journal(RunFolder(folder).journal))
    return set()


def _is_one_run(folder: Path, other: Path) -> bool:
    """By the id of a run in its store, or else by how a store would find it."""
    try:
        ids = {Result.read(path).run_id for path in (folder, other)}
        if "" not in ids:
            return len(ids) == 1
        manifests = [Manifest.read(path) for path in (folder, other)]
    except ValueError:  # there is no run any more
        return False
    return len({(m.started, m.tags.get(FOLDER_TAG)) for m in manifests}) == 1
