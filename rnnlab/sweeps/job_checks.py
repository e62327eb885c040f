"""The jobs of a sweep, each composed and checked before anything of the sweep is made."""

import copy
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from omegaconf import DictConfig, OmegaConf

from rnnlab.foundation.checks import check_int
from rnnlab.foundation.masking import masked
from rnnlab.runs.hydra_errors import JobRefusedError, refused_as
from rnnlab.runs.hydra_loader import CheckedLoader
from rnnlab.runs.hydra_overrides import key_of, refuse_repeated
from rnnlab.runs.hydra_plain import job_folder, to_plain
from rnnlab.runs.settings import read_settings, read_what_is_kept
from rnnlab.runs.trial import try_evaluation, try_model
from rnnlab.sweeps.combinations import product
from rnnlab.sweeps.job_folders import refuse_folders
from rnnlab.sweeps.job_list import Identity, identity
from rnnlab.sweeps.memory import at_once, refuse_together
from rnnlab.sweeps.plugins import BASIC_SWEEPER, HORIZON_SWEEPER, LOCAL_LAUNCHERS
from rnnlab.sweeps.twins import refuse_twins


@dataclass(frozen=True)
class ComposedJob:
    """One job as it is composed.

    Args:
        number: Counted from 0.
        overrides: Its own, in full.
        shown: Those by which it differs from other jobs.
        plain: Its config.
        of: What it is.
        folder: Its folder.
    """

    number: int
    overrides: tuple[str, ...]
    shown: str
    plain: dict[str, Any]
    of: Identity
    folder: Path


def check_sweep(
    config: DictConfig, loader: CheckedLoader, begin_imports: Callable[[], object]
) -> list[ComposedJob]:
    """Refuse a sweep of which one job could not run, or would be the same as another.

    Of a sweeper of others, whose jobs nobody knows yet, it is what that leaves as it is; the search
    for the horizon checks its own.

    Args:
        config: What the jobs vary.
        loader: Composes them, and keeps them for who asks next.
        begin_imports: Called once it may come to jobs, in whose processes there is much to import.

    Returns:
        The jobs of Hydra's own sweeper; of others none.

    Raises:
        ValueError: For what all jobs have in common.
        JobRefusedError: For one of several jobs.
    """
    here = config.hydra.launcher._target_ in LOCAL_LAUNCHERS
    sweep = Path(
        config.hydra.sweep.dir
    )  # the time in it, if any, is from here on that of every job
    parsed = _parsed(config, loader)
    refuse_repeated(parsed)
    if config.hydra.sweeper._target_ == BASIC_SWEEPER:
        jobs = _composed_jobs(config, parsed, loader, here, begin_imports)
        refuse_twins([job.of for job in jobs], [job.shown or "defaults" for job in jobs])
        refuse_folders([job.folder for job in jobs], sweep)
        _try_plugins(config)
        _try_out(jobs, here)
        if here:
            _refuse_together(jobs, at_once(config))
        return jobs
    _try_plugins(config)
    if config.hydra.sweeper._target_ != HORIZON_SWEEPER:
        master = copy.deepcopy(config)  # which is told a number, as of a job
        folder = job_folder(master, 0)
        refuse_folders([folder], sweep)
        plain = to_plain(master, folder, complete=False)
        read_what_is_kept(plain, _swept_sections(config, parsed))
        begin_imports()
    return []


def _parsed(config: DictConfig, loader: CheckedLoader) -> list[Override]:
    """What a sweep varies: by its command line, and by the section of a sweeper that adds that to it."""
    adds = config.hydra.sweeper._target_ in (BASIC_SWEEPER, HORIZON_SWEEPER)
    params = (config.hydra.sweeper.params if adds else None) or {}
    lines = [*(f"{key}={value}" for key, value in params.items()), *config.hydra.overrides.task]
    return OverridesParser.create(config_loader=loader).parse_overrides(lines)


def _composed_jobs(
    config: DictConfig,
    parsed: list[Override],
    loader: CheckedLoader,
    here: bool,
    begin_imports: Callable[[], object],
) -> list[ComposedJob]:
    """As Hydra's own sweeper makes them of the command line; checked as far as that needs no torch."""
    size = config.hydra.sweeper.max_batch_size
    if size is not None:
        check_int("hydra.sweeper.max_batch_size", size, minimum=1)
    swept = {override.get_key_element() for override in parsed if override.is_sweep_override()}
    chosen = product(parsed)

    def compose(number: int) -> ComposedJob:
        overrides = chosen[number]
        shown = masked(" ".join(o for o in overrides if key_of(o) in swept))
        with refused_as(overrides, f"job {number} of {len(chosen)}: {shown}"):
            composed = loader.compose_job(config, overrides)
            folder = job_folder(composed, number)
            plain = to_plain(composed, folder)
            read_settings(plain, here)
        return ComposedJob(number, overrides, shown, plain, identity(plain), folder)

    return _each(compose, len(chosen), begin_imports)


def _each(
    check: Callable[[int], Any], count: int, after_first: Callable[[], object] = lambda: None
) -> list[Any]:
    """`check` of 0, 1, ...; what the first and the last are refused for is no matter of one job."""
    try:
        first = check(0)
    except JobRefusedError as error:
        try:
            check(count - 1)
        except JobRefusedError as last:
            if str(last.__cause__) == str(error.__cause__):
                error.place = ""
        raise
    after_first()
    return [first, *map(check, range(1, count))]


def _try_out(jobs: Sequence[ComposedJob], here: bool) -> None:
    """Each once that differs in more than its seed: all their models before what takes longer."""
    different = list({_seedless(job.of): job for job in reversed(jobs)}.values())[::-1]

    def check(attempt: Callable[..., None], number: int) -> None:
        job = different[number]
        with refused_as(job.overrides, f"job {job.number} of {len(jobs)}: {job.shown}"):
            attempt(job.plain, here)

    for attempt in (try_model, try_evaluation):
        _each(partial(check, attempt), len(different))


def _refuse_together(jobs: Sequence[ComposedJob], count: int) -> None:
    numbers = Counter(_seedless(job.of) for job in jobs)
    plain = {_seedless(job.of): job.plain for job in jobs}
    refuse_together(
        [(plain[key], number) for key, number in numbers.items()], min(count, len(jobs))
    )


def _seedless(of: Identity) -> frozenset[tuple[str, str]]:
    return frozenset((key, of[key]) for key in of if key not in ("seed", "train.data_seed"))


def _try_plugins(config: DictConfig) -> None:
    """Make Hydra's launcher and sweeper once: they check their settings when they are made."""
    for section in (config.hydra.launcher, config.hydra.sweeper):
        Plugins.instance()._instantiate(section)


def _swept_sections(config: DictConfig, parsed: list[Override]) -> set[str]:
    """What a sweeper of others may set: by the command line, or by anything in its own section."""
    swept = {o.get_key_element() for o in parsed if o.is_sweep_override()}
    own: Any = OmegaConf.to_container(config.hydra.sweeper, resolve=False)
    return {key.partition(".")[0] for key in (*swept, *_all_keys(own))}


def _all_keys(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield str(key)
            yield from _all_keys(value)
    elif isinstance(node, list):
        for value in node:
            yield from _all_keys(value)
