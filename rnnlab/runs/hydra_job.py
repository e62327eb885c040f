"""Hydra's task function: what it composed, as plain values, is checked and becomes one run."""

import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from rnnlab.foundation import garbage
from rnnlab.foundation.checks import check_folder
from rnnlab.foundation.files import write_text
from rnnlab.foundation.folder_lock import keep, keep_words, refuse_at_work
from rnnlab.foundation.here import here, standing_in
from rnnlab.foundation.masking import first_line, masked
from rnnlab.foundation.run_folder import CLAIMS, RunFolder, is_of_no_name
from rnnlab.foundation.signals import Stopped
from rnnlab.foundation.typed import typable, typed_override
from rnnlab.foundation.yaml_file import sealed
from rnnlab.runs.build import check_allowed
from rnnlab.runs.environment import watch_environment
from rnnlab.runs.hydra_help import what_it_is
from rnnlab.runs.hydra_plain import run_folder, to_plain
from rnnlab.runs.hydra_source import FileConfigSource
from rnnlab.runs.matched_size import read_match
from rnnlab.runs.request import Request, refuse_used
from rnnlab.runs.resume_option import AUTO, read_resume, without_resume
from rnnlab.runs.settings import read_settings
from rnnlab.runs.trial import try_going_on, try_out, try_store
from rnnlab.tracking.result import Result, write_failure

if TYPE_CHECKING:
    from rnnlab.runs.resume import EarlierRun

GROUPS = (
    *("cell", "task", "clip", "regularizer", "optimizer", "schedule", "trainer", "tracking"),
    *("diagnostics", "experiment"),
)


def check_run(config: DictConfig) -> None:
    """Refuse, before Hydra makes a folder for it, what could not run or go on; keep what can.

    From here on this process has the run to itself. What another has begun, or gone on with, since
    it was looked at, the job sees: it looks again.

    Args:
        config: What Hydra composed, with its own section.

    Raises:
        ValueError: Named by its dotted key.
    """
    folder = run_folder(config)
    plain = to_plain(config, folder)
    read_settings(plain)
    plain = _with_matched_size(plain)
    resume = read_resume(plain)
    if resume.run in (None, AUTO):
        check_folder("hydra.run.dir", folder)
    request = _request(plain, config.hydra, folder)
    earlier = _earlier(plain, request, in_sweep=False)
    if earlier is None:
        refuse_used(RunFolder(folder))
    else:
        plain = earlier.config
        if earlier.finished:
            return
        refuse_at_work(earlier.folder)
    with nullcontext() if earlier is None else _of_files(earlier.folder):
        try_out(plain)
        if earlier is not None:
            try_going_on(plain, earlier, moves=resume.allow_changes)
    try_store(plain)
    if resume.run == AUTO:
        named = [] if is_of_no_name(folder) else [str(folder)]
        keep_words([*request.overrides, *named], here() / CLAIMS)
    try:
        keep(folder if earlier is None else earlier.folder)
    except OSError as error:
        raise ValueError(f"hydra.run.dir={folder} cannot be used: {error.strerror}") from error


def job(cfg: DictConfig) -> float | None:
    """Run what `cfg` says, print its summary, and return the test loss, which sweepers minimise."""
    settings = HydraConfig.get()
    with standing_in(Path(settings.runtime.cwd)):  # hydra.job.chdir=true leaves it
        return _run(cfg, settings)


def _run(cfg: DictConfig, settings: Any) -> float | None:
    from rnnlab.runs.summary import summary

    garbage.resume()
    folder = made = Path(settings.runtime.output_dir)
    watch_environment()  # in a process of its own, nobody has yet
    plain = cast(dict[str, Any], OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True))
    mask_files(RunFolder(folder).hydra)
    request = _request(plain, settings, folder)
    in_sweep = settings.mode == RunMode.MULTIRUN
    try:
        plain = _with_matched_size(plain)
        earlier = _earlier(plain, request, in_sweep)
        folder = folder if earlier is None else earlier.folder
        result = _result(plain, request, earlier, in_sweep)
    except Stopped:
        if RunFolder(folder).result.exists() and Result.read(folder).status != "FINISHED":
            command = f"python -m rnnlab.run {typed_override('resume', folder)}"
            command = typable(command, f"the same command with resume={AUTO}")
            sys.stderr.write(f"\nto go on: {command}\n")
        raise
    except Exception as error:
        # A run writes down its own; here it is what was refused, in a folder that is this sweep's.
        if in_sweep:
            write_failure(folder, error)
        raise
    finally:
        if folder != made:
            _discard_unused(RunFolder(made))
    sys.stdout.write(f"\n{summary(result)}\n")
    return result.metrics.get("test/loss")


def _discard_unused(made: RunFolder) -> None:
    """Remove what Hydra has made for a command whose run lies elsewhere, unless its log says something."""
    logs = (path for path in made.path.iterdir() if path != made.hydra)
    if is_of_no_name(made.path) and not any(path.is_dir() or path.stat().st_size for path in logs):
        shutil.rmtree(made.path)


def _request(plain: dict[str, Any], settings: Any, folder: Path) -> Request:
    """What was asked for, with what Hydra's own section says of it."""
    choices = {group: _choice(settings.runtime.choices, plain, group) for group in GROUPS}
    sources = settings.runtime.config_sources
    folders = [
        Path(source.path) for source in sources if source.schema == FileConfigSource.scheme()
    ]
    about = {group: what_it_is(folders, group, choices[group]) for group in ("cell", "task")}
    return Request(choices, without_resume(list(settings.overrides.task)), folder, about)


def _with_matched_size(plain: dict[str, Any]) -> dict[str, Any]:
    """With the hidden_size that the run has, if the config asks for one to be chosen: a resume is asked for it."""
    if read_match(plain) is None:
        return plain
    from rnnlab.runs.run_config import with_matched_size  # with torch

    return dict(with_matched_size(plain))


def _earlier(plain: dict[str, Any], request: Request, in_sweep: bool) -> "EarlierRun | None":
    """The run to go on with, if `resume` names one and there is one; a job's is in its own folder."""
    name = read_resume(plain).run
    if name is None:
        return None
    from rnnlab.runs.resume import earlier_run, find_begun

    if name == AUTO:
        found = find_begun(request.folder, request.overrides, anywhere=not in_sweep)
        name = None if found is None else str(found)
    if name is None:
        return None
    with _of_files(name):
        found = earlier_run(name, plain, request.choices, request.overrides)
        if lost := set(GROUPS) - found.result.choices.keys():
            raise KeyError(f"choices.{min(lost)}")
        return found


@contextmanager
def _of_files(name: object) -> Iterator[None]:
    """What trips over the files of the run that `resume` names is told as a matter of theirs.

    Raises:
        ValueError: Instead of what code raises that is given anything at all.
    """
    try:
        yield
    except (LookupError, TypeError, AttributeError, ArithmeticError, OSError) as error:
        reason = f"{type(error).__name__}: {first_line(error)}"
        raise ValueError(
            f"resume={name}: its files are not as a run writes them ({reason})"
        ) from error


def _result(
    plain: dict[str, Any], request: Request, earlier: "EarlierRun | None", in_sweep: bool
) -> Result:
    """Of a new run; of an earlier one that goes on; or of one that had finished."""
    from rnnlab.runs.memory import refuse_too_large
    from rnnlab.runs.one_run import run_one
    from rnnlab.runs.run_config import read_config
    from rnnlab.runs.whole_run import deliver_finished
    from rnnlab.tracking.store import tracking_uri

    if earlier is not None and earlier.finished:
        sys.stdout.write(f"{earlier.finished}\n")
        uri = tracking_uri(earlier.config["tracking"]["uri"])
        return deliver_finished(earlier.folder, uri, check_allowed(plain["allow_targets"]))
    config = read_config(plain if earlier is None else earlier.config)
    if in_sweep:  # which may not have seen what is free on this machine, or now
        refuse_too_large(config)
    if earlier is None:
        return run_one(config, request)
    was = earlier.result
    same = Request(was.choices, was.overrides, earlier.folder, was.about)
    return run_one(config, same, earlier)


def mask_files(folder: Path) -> None:
    """Leave passwords out of the files that Hydra has written of a config; each gets a checksum."""
    for path in folder.glob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        if (shown := sealed(masked(text))) != text:
            write_text(path, shown)


def _choice(choices: Mapping[str, Any], plain: dict[str, Any], group: str) -> str:
    """What was chosen of a group; of a list, as diagnostics=[omega,lyapunov], Hydra says nothing."""
    if group in choices:
        return str(choices[group])
    if not isinstance(plain.get(group), Mapping):
        raise ValueError(f"{group}=[] chooses nothing")
    return f"[{','.join(plain[group])}]"
