"""What a full disk has left out of a run's folder, made anew from what is there."""

import logging
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from rnnlab.diagnostics.figure import write_figure
from rnnlab.diagnostics.history import UPDATES, History
from rnnlab.foundation.folder_lock import locked
from rnnlab.foundation.masking import first_line
from rnnlab.foundation.run_folder import RunFolder
from rnnlab.foundation.signals import Stopped
from rnnlab.report.learning_curve import write_learning_curve
from rnnlab.runs.run_config import read_diagnostics, read_task, with_found
from rnnlab.runs.run_data import refuse_changed_data
from rnnlab.runs.saved_config import read_saved
from rnnlab.runs.saved_model import example_of, write_model
from rnnlab.tracking.journal import Journal
from rnnlab.tracking.manifest import Manifest
from rnnlab.tracking.result import Result
from rnnlab.training import checkpoints

log = logging.getLogger(__name__)


def make_anew(folder: RunFolder, allow: Collection[str] = ()) -> None:
    """Make what a run's result names as missing, so far as it was asked for and can be made.

    What has been made is to be delivered then; what cannot be made stays named.

    Raises:
        FolderLockedError: If the run is at work.
        ValueError: If its folder cannot be read.
    """
    with locked(folder.path):
        result, manifest = Result.read(folder.path), Manifest.read(folder.path)
        newest = checkpoints.newest(folder)
        config = read_saved(folder, result, newest)
        missing = _missing(folder, result, config, newest)
        makers = _makers(folder, result, config, allow, missing)
        left = [name for name in missing if not _make(folder.path / name, folder, makers)]
        made = [Path(name).parts[0] for name in missing if name not in left]
        manifest.artifacts = list(dict.fromkeys([*manifest.artifacts, *made]))
        manifest.write(folder.path)
        result.missing, result.delivered = left, result.delivered and not made
        result.write()


def _missing(
    folder: RunFolder, result: Result, config: Mapping[str, Any], newest: checkpoints.Loaded | None
) -> list[str]:
    """What is named as missing and was asked for, and the files that are older than the run's end.

    A disk that was full to the end has not even taken the result that would have named those.
    """
    not_asked = set() if config["tracking"]["log_model"] else {folder.model}
    if not config["diagnostics"]:
        not_asked |= {folder.diagnostics, folder.diagnostics_figure}
    named = [folder.path / name for name in result.missing]
    paths = [path for path in named if path not in not_asked and path != folder.diagnostics]
    last = {point.key: point.step for point in Journal(folder.journal)}
    validated, tested = (last.get(key, 0) for key in ("val/loss", "test/loss"))
    had = 0 if newest is None else newest.position.updates
    if had < validated:
        paths += [folder.best, folder.last]
    arrays = (folder.diagnostics / f"{name}.npz" for name in config["diagnostics"])
    paths += [path for path in arrays if _last_look(path) < tested]
    return list(dict.fromkeys(str(path.relative_to(folder.path)) for path in paths))


def _last_look(path: Path) -> int:
    """The update of the last look in a file of arrays; below all where there is none."""
    return max(History(path).rows.get(UPDATES, ()), default=-1)


def _makers(
    folder: RunFolder,
    result: Result,
    config: Mapping[str, Any],
    allow: Collection[str],
    missing: Collection[str],
) -> dict[Path, Callable[[], object]]:
    """What makes each from what else is there; nothing makes arrays, or a list of packages."""

    def draw() -> None:
        diagnostics = read_diagnostics(config["diagnostics"], list(allow))
        files = {name: folder.diagnostics / f"{name}.npz" for name in diagnostics}
        if short := [
            path for path in files.values() if str(path.relative_to(folder.path)) in missing
        ]:
            raise ValueError(f"{short[0]} lacks the look at the end")
        histories = {name: History(path) for name, path in files.items()}
        write_figure(folder.diagnostics_figure, diagnostics, histories, result.name)

    def plot() -> None:
        journal = Journal(folder.journal)
        write_learning_curve(folder.path, journal, result.levels, result.name)

    def save() -> None:
        if str(folder.best.relative_to(folder.path)) in missing:
            raise ValueError(f"{folder.best} is not the one that was tested")
        weights = checkpoints.load(folder.best)["state_dict"]
        own = {k.removeprefix("model."): w for k, w in weights.items() if k.startswith("model.")}
        task = read_task({**config, "allow_targets": list(allow)})
        refuse_changed_data(folder.path, task)
        plain = with_found(config, task.from_data)
        write_model(folder.path, plain, own, example_of(task), task.output_size)

    return {folder.diagnostics_figure: draw, folder.learning_curve: plot, folder.model: save}


def _make(path: Path, folder: RunFolder, makers: Mapping[Path, Callable[[], object]]) -> bool:
    """Whether it has been made, within the run's folder: a link in it may lead elsewhere."""
    inside = path.parent.resolve().is_relative_to(folder.path.resolve())
    if path not in makers or path.is_symlink() or not inside:
        return False
    try:
        makers[path]()
    except Stopped:
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001 what a file holds may be anything, and so the error
        log.warning("%s is not made anew: %s", path, first_line(error))
        return False
    return True
