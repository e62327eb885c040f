"""Going on where a run stopped: `resume=` its folder, its last checkpoint, its id, or `auto`.

`resume=auto` is the same command again: it goes on with what that command began and has not
finished, and begins if there is nothing.
"""

import logging
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnlab.foundation.folder_lock import refuse_at_work
from rnnlab.foundation.here import here
from rnnlab.foundation.links import refuse_links
from rnnlab.foundation.masking import MASK, masked, masked_config
from rnnlab.foundation.run_folder import RUNS, RunFolder, is_of_no_name
from rnnlab.foundation.version import check_version, is_readable
from rnnlab.runs import own_code
from rnnlab.runs.build import ALLOWED_PACKAGES, check_allowed, lies_in
from rnnlab.runs.finished_run import STEPS, FinishedRun, with_steps
from rnnlab.runs.hydra_overrides import key_of
from rnnlab.runs.resume_option import AUTO, read_resume
from rnnlab.runs.saved_config import REACHED_BY, read_saved
from rnnlab.tracking.changes import change, changed
from rnnlab.tracking.manifest import FOLDER_TAG, Manifest
from rnnlab.tracking.result import Result, leaves
from rnnlab.training.position import Position

log = logging.getLogger(__name__)

CHANGEABLE = (
    "train",
    "eval",
    "optimizer",
    "clip",
    "regularizer",
    "trainer",
    "tracking",
    "num_threads",
    "flush_denormal",
)
"""What `resume.allow_changes` may change: not what the run is, nor what its optimizer stands on."""


@dataclass(frozen=True)
class EarlierRun:
    """A run that goes on.

    Args:
        config: Its own, plain, with the changes that were allowed.
        result: How it stands.
        checkpoint: Where it goes on from; None: from its start.
        made: The updates behind that.
        finished: In words, how it has finished; empty where it goes on.
        end: Of one that had finished and trains on, the update at which it had ended.
    """

    config: dict[str, Any]
    result: Result
    checkpoint: Path | None
    made: int = 0
    finished: str = ""
    end: int | None = None

    @property
    def folder(self) -> Path:
        return Path(self.result.folder)

    def changed_settings(self, section: str) -> set[str]:
        """The settings of a section that this resume, or one before, has changed."""
        keys = (key.partition(".") for key in changed(self.result.changes))
        return {name for first, _, name in keys if first == section}


def find_begun(folder: Path, overrides: list[str], anywhere: bool = True) -> Path | None:
    """What `resume=auto` goes on with: the run in `folder`, or else the newest of its overrides.

    Of those elsewhere, unless it is not to be looked for `anywhere`, one of another version of rnnlab
    is passed over, and so is one that cannot be read, which is told.

    Raises:
        FolderLockedError: If that run is at work.
    """
    if RunFolder(folder).result.exists():
        return folder
    if not anywhere:
        return None
    same = sorted(masked(override) for override in overrides)
    results = (here() / RUNS).glob(f"*/*/{RunFolder(folder).result.name}")
    for path in sorted((result.parent for result in results), reverse=True):
        try:
            is_same = sorted(Result.read(path).overrides) == same
            if not (is_same and is_readable(_version(path))):
                continue
            refuse_links(RunFolder(path))
        except ValueError as error:
            log.warning("resume=%s passes over %s: %s", AUTO, path, error)
            continue
        if is_of_no_name(folder):
            refuse_at_work(path)
        return path
    return None


def earlier_run(
    name: object, config: dict[str, Any], choices: Mapping[str, str], overrides: list[str]
) -> EarlierRun:
    """The run that `resume` names, which goes on as it was: its config is read back.

    Args:
        name: What `resume` says, or the folder that it was found to mean.
        config: What the command line has been composed to, plain.
        choices: The option of each config group in that.
        overrides: What the command line says itself, which has to be what the run has, or to be
            allowed to change. With resume=auto, which is the same command again, all of `config`.

    Raises:
        ValueError: If there is nothing to resume, or the command line says something else.
    """
    option = read_resume(config)
    auto = option.run == AUTO
    folder = _folder(name, config["tracking"]["uri"])
    refuse_links(folder)
    result = Result.read(folder.path)
    check_version(str(folder.path), _version(folder.path))
    from rnnlab.tracking.copies import refuse_copy  # with MLflow, and with Lightning,
    from rnnlab.training import checkpoints  # which others need not wait for

    refuse_copy(folder.path)
    newest = checkpoints.newest(folder)
    saved = read_saved(folder, result, newest)
    position, checkpoint = Position(), None
    if newest is not None:
        position, checkpoint = newest.position, newest.path
    _take_store(saved, config)
    keys = None if auto else list(map(key_of, overrides))
    changes = _changes(_flat(saved, result.choices), _flat(masked_config(config), choices), keys)
    if result.status == "FINISHED":
        run = FinishedRun(result, saved, position.solved_at)
        if not run.trains_on(changes, config["train"]["steps"]):
            finished = _finished(run, name, bool(changes), auto)
            return EarlierRun(saved, result, checkpoint, position.updates, finished)
        end = run.steps
        result.overrides = with_steps(result.overrides, config["train"]["steps"])
    else:
        end = None
        _refuse_unless_allowed(changes, option.allow_changes)
    _apply(changes, saved, result, config, trains_on=end is not None)
    _refuse_fewer(saved["train"]["steps"], position.updates)
    if newest is not None:
        checkpoints.refuse_without_best(folder, newest)
    _restore_masked(saved, config)
    _refuse_foreign_code(saved, config)
    _refuse_copy_in_store(folder.path, saved["tracking"]["uri"])
    if files := own_code.changed(folder, saved):
        if not option.allow_changes:
            raise ValueError(
                f"{', '.join(files)}: the code is not what the run began with, which {folder.code} "
                "has (resume.allow_changes=true lets it, and writes it down)"
            )
        result.changes += change("code", "as it began", own_code.digest(saved))
    return EarlierRun(saved, result, checkpoint, position.updates, end=end)


def _finished(run: FinishedRun, name: object, asked: bool, auto: bool) -> str:
    """What is said of a run that trains no further, where that is all that is to be done.

    Raises:
        ValueError: If nothing but the run itself was asked for.
    """
    more = run.needs_no_more() or f"A larger {STEPS} trains it on."
    if auto or asked:
        return f"{run.result.name} {run.verdict()}\n{more}"
    raise ValueError(
        f"resume={name!r} has finished: there is nothing to resume\nIt {run.verdict()}. {more}"
    )


def _refuse_unless_allowed(
    changes: Mapping[str, tuple[str | None, str | None]], allowed: bool
) -> None:
    for key, (had, value) in changes.items():
        if not allowed:
            raise ValueError(
                f"{key}={value} cannot change on resume: the run has {key}={had} "
                "(resume.allow_changes=true lets it, and writes it down)"
            )


def _version(folder: Path) -> str:
    """The version of rnnlab that made a run: its config names classes of that, its checkpoints too."""
    return Manifest.read(folder).version


def _refuse_fewer(steps: object, made: int) -> None:
    if isinstance(steps, int) and steps < made:
        raise ValueError(f"train.steps={steps} is too small: the run has made {made} updates")


def _flat(config: Mapping[str, Any], choices: Mapping[str, str]) -> dict[str, str]:
    """The option of each config group, then each leaf of the config."""
    return {**choices, **dict(leaves(config))}


def _changes(
    had: dict[str, str], wanted: dict[str, str], keys: list[str] | None
) -> dict[str, tuple[str | None, str | None]]:
    """Each key that is not what the run has: what it has, and what is wanted.

    Args:
        had: What the run is, flat.
        wanted: What the command line has been composed to, flat.
        keys: The groups, and the keys or sections, to look at; None: everything.
    """
    changes = {}
    for key in dict.fromkeys((*had, *wanted)):
        looked_at = keys is None or any(key == k or (k not in had and _is_in(key, k)) for k in keys)
        differs = had.get(key) != wanted.get(key)
        if looked_at and differs and not any(_is_in(key, section) for section in REACHED_BY):
            changes[key] = had.get(key), wanted.get(key)
    return changes


def _is_in(key: str, section: str) -> bool:
    return key == section or key.startswith(f"{section}.")


def _apply(
    changes: Mapping[str, tuple[str | None, str | None]],
    saved: dict[str, Any],
    result: Result,
    config: dict[str, Any],
    trains_on: bool,
) -> None:
    for key, (had, value) in changes.items():
        section = key.partition(".")[0]
        if section not in CHANGEABLE or key in result.choices:
            allowed = ", ".join(CHANGEABLE)
            raise ValueError(
                f"{key}={value} cannot change on resume. What can, one key at a time: {allowed}"
            )
        by_schedule = section == "optimizer" or key == STEPS
        if by_schedule and saved["schedule"] and not trains_on:
            raise ValueError(
                f"{key}={value} cannot change on resume: the schedule goes by what it was"
            )
        _take(key, saved, config)
        result.changes += change(key, had, value)


def _take(key: str, saved: dict[str, Any], config: dict[str, Any]) -> None:
    """Into the saved config, the value of a dotted key in another."""
    *sections, name = key.split(".")
    for section in sections:
        saved, config = saved[section], config[section]
    saved[name] = config[name]


def _take_store(saved: dict[str, Any], config: dict[str, Any]) -> None:
    """The store that the command line names, or else the run's own, if that may be used unasked.

    Raises:
        ValueError: If it may not.
    """
    named, own = config["tracking"]["uri"], saved["tracking"]["uri"]
    if named is not None:
        saved["tracking"]["uri"] = named  # the same store, reached anew
    elif own is not None and MASK not in own:
        from rnnlab.tracking.named_store import store_of  # with MLflow

        saved["tracking"]["uri"] = store_of(own, "tracking.uri=")


def _restore_masked(saved: dict[str, Any], config: dict[str, Any]) -> None:
    """What was left out of the run's files as secret is taken from the command line again.

    Raises:
        ValueError: If that does not have it.
    """
    now = dict(leaves(config))
    for key, value in leaves(saved):
        if MASK in value:
            if MASK in now.get(key, MASK) or masked(now[key]) != value:
                raise ValueError(f"{key} is needed again to resume: a run's files keep no secret")
            _take(key, saved, config)


def _refuse_foreign_code(saved: dict[str, Any], config: dict[str, Any]) -> None:
    """A run's files may come from anywhere: they cannot allow code, the command line alone can."""
    allowed = (*ALLOWED_PACKAGES, *check_allowed(config["allow_targets"]))
    for key, value in leaves(saved):
        if key.endswith("_target_") and not lies_in(allowed, value):
            package = value.partition(".")[0]
            raise ValueError(
                f"{key}={value} of the run is not in an allowed package: "
                f"allow_targets=[{package}] allows it again"
            )
    saved["allow_targets"] = config["allow_targets"]


def _refuse_copy_in_store(folder: Path, uri: str | None) -> None:
    """Where the run's store does not answer, it is not asked; that is told where the run begins.

    Raises:
        ValueError: If the store has seen it at work in another folder, that is still there.
    """
    from rnnlab.tracking.copies import refuse_copy_in
    from rnnlab.tracking.store import FAILURES, existing_store, tracking_uri

    try:
        client = existing_store(tracking_uri(uri))
    except ValueError:
        return
    with suppress(*FAILURES):
        refuse_copy_in(client, folder)


def _folder(name: object, uri: str | None) -> RunFolder:
    """The folder of the run that is named by it, by its last checkpoint, or by its MLflow id."""
    if not isinstance(name, str):
        raise ValueError(f"resume={name!r} is not a run's folder, last checkpoint or id")
    path = here() / name
    try:
        path.exists()
    except OSError as error:  # a name that no file can have
        raise ValueError(f"resume={name[:40]!r}...: {error.strerror}") from error
    if path.suffix == ".ckpt":
        folder = RunFolder(path.parent.parent)
        if path.name != folder.last.name:
            raise ValueError(f"resume={name!r}: a run goes on from its {folder.last.name}")
    elif not path.exists() and re.fullmatch("[0-9a-f]{32}", name):
        folder = RunFolder(_folder_of_id(name, uri))
    else:
        folder = RunFolder(path)
    if not folder.result.exists():
        raise ValueError(f"resume={name!r}: there is no run in {folder.path}")
    return folder


def _folder_of_id(run_id: str, uri: str | None) -> Path:
    from mlflow.exceptions import MlflowException

    from rnnlab.tracking.store import existing_store, tracking_uri

    client = existing_store(tracking_uri(uri))
    try:
        run = client.get_run(run_id)
        folder = Path(run.data.tags[FOLDER_TAG])
    except (MlflowException, KeyError) as error:
        raise ValueError(f"resume={run_id!r}: no run of rnnlab has this id") from error
    if not folder.exists():
        raise ValueError(
            f"resume={run_id!r}: its folder was {folder}, and is no longer there: name the one "
            "that it was moved to"
        )
    if Result.read(folder).run_id == run_id:
        return folder
    raise ValueError(f"resume={run_id!r}: the run in {folder} is another")
