"""Hydra's config loader: reads each file once, and looks at what files and configs ask for."""

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import ConfigRepository, IConfigRepository
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.default_element import ResultDefault
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import ConfigCompositionException
from hydra.plugins.config_source import ConfigResult
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from rnnlab.runs.environment import watch_environment
from rnnlab.runs.foreign_files import is_foreign, refuse_file, refuse_places
from rnnlab.runs.hydra_calls import refuse_calls
from rnnlab.runs.hydra_overrides import (
    LENGTH,
    foreign_keys,
    key_of,
    of_hydra,
    refuse_lists,
    refuse_matched_size,
    with_new_keys,
    with_own_length,
)
from rnnlab.runs.hydra_seeds import seedless, set_seed
from rnnlab.runs.settings import ALIASES

Compose = Callable[[Sequence[str]], DictConfig]


class ReadOnce(ConfigRepository):
    """Reads each file once for all jobs of a sweep, whose composing took a third longer without.

    Hydra copies its repository for each job, and changes what it gets from it: the copies share
    what was read, and give copies of it. One that looks in other places (hydra.searchpath) reads
    for itself.
    """

    def initialize_sources(self, config_search_path: ConfigSearchPath) -> None:
        super().initialize_sources(config_search_path)
        self.read: dict[str, ConfigResult | None] = {}

    def load_config(self, config_path: str) -> ConfigResult | None:
        if config_path not in self.read:
            try:
                read = super().load_config(config_path)
            except (UnicodeDecodeError, OmegaConfBaseException, OSError) as error:
                message = str(error).partition("\n")[0]
                raise ValueError(f"{config_path}.yaml cannot be read: {message}") from error
            if read is not None and not isinstance(read.config, DictConfig):
                raise ValueError(f"{config_path}.yaml is a list, not keys with values")
            if read is not None and is_foreign(read):
                refuse_places(config_path, read)
            self.read[config_path] = _by_name(config_path, read)
        return copy.deepcopy(self.read[config_path])

    def __deepcopy__(self, memo: dict[int, Any]) -> "ReadOnce":
        return copy.copy(self)


def _by_name(config_path: str, read: ConfigResult | None) -> ConfigResult | None:
    """A diagnostic's yaml, written as a cell's is, as a section of its own: several can be chosen.

    diagnostics/omega.yaml with `_target_` and `sequences` is composed as `diagnostics.omega`.
    """
    group, _, name = config_path.rpartition("/")
    if group == "diagnostics" and read is not None and "_target_" in read.config:
        read.config = OmegaConf.create({name: read.config})
    return read


class CheckedLoader(ConfigLoaderImpl):
    """Refuses, with a ValueError, a composed config in whose `hydra` section something is foreign.

    So it does a file of a config folder that says what only the command line may. What a config
    takes from the environment is known from here on. What is not typed as Hydra takes it is given
    to it in another form (see `hydra_overrides`).
    """

    def __init__(self, config_search_path: ConfigSearchPath) -> None:
        super().__init__(config_search_path)
        watch_environment()
        self.repository = ReadOnce(config_search_path)
        self.composed: dict[tuple[str, ...], DictConfig] = {}
        self.jobs: dict[tuple[str, ...], DictConfig] = {}

    def __getstate__(self) -> dict[str, Any]:
        # A job in a process of its own needs no other.
        return {**self.__dict__, "composed": {}, "jobs": {}}

    def load_configuration(
        self,
        config_name: str | None,
        overrides: list[str],
        run_mode: RunMode,
        *arguments: Any,
        **named: Any,
    ) -> DictConfig:
        refuse_lists(overrides)

        def compose(lines: Sequence[str]) -> DictConfig:
            words = with_new_keys(lines)
            return super(CheckedLoader, self).load_configuration(
                config_name, words, run_mode, *arguments, **named
            )

        only_the_mode = named.get("validate_sweep_overrides") is False  # is asked for, by Hydra
        if only_the_mode and not any(key_of(override) == "hydra.mode" for override in overrides):
            config, recorded = compose(overrides), overrides
        elif run_mode == RunMode.MULTIRUN:
            config, recorded = self._of_a_sweep(compose, overrides), overrides
        else:
            config, recorded = _of_a_run(compose, overrides)
            _drop_foreign_keys(config, overrides)
            _name_by_class(config, overrides)
        config.hydra.overrides.task = [line for line in recorded if not of_hydra(line)]
        plain: Any = OmegaConf.to_container(config, resolve=False)
        refuse_calls(config)
        refuse_matched_size(overrides, plain)
        _use_one_name(config, plain)
        return config

    def _load_single_config(self, default: ResultDefault, repo: IConfigRepository) -> ConfigResult:
        loaded = super()._load_single_config(default, repo)
        if is_foreign(loaded):
            refuse_file(str(default.config_path), loaded)
        return loaded

    def _of_a_sweep(self, compose: Compose, overrides: list[str]) -> DictConfig:
        """What its jobs vary; without what only some of them have, which is checked in each job."""
        try:
            return compose(overrides)
        except ConfigCompositionException:
            kept = [o for o in overrides if of_hydra(o) or "." not in key_of(o)]
            base = compose(kept)
            parsed = OverridesParser.create(config_loader=self).parse_overrides(kept)
            varied = any(o.is_sweep_override() for o in parsed)
            fitting = [o for o in overrides if o in kept or not _is_of_a_job(o, base, varied)]
            return compose(fitting)

    def compose_job(self, master: DictConfig, overrides: Sequence[str]) -> DictConfig:
        """A job of a sweep; one object for all who ask, who tell it the job's number themselves."""
        key = tuple(overrides)
        if key not in self.jobs:
            self.jobs[key] = self.load_sweep_config(master, list(overrides))
        return self.jobs[key]

    def load_sweep_config(
        self, master_config: DictConfig, sweep_overrides: list[str]
    ) -> DictConfig:
        """As Hydra has it: a config for each who asks. Hydra composes one for all that differ in their seed alone."""
        without_seed = seedless(sweep_overrides)
        key = without_seed or tuple(sweep_overrides)
        if key not in self.composed:
            self.composed[key] = super().load_sweep_config(master_config, sweep_overrides)
        config = copy.deepcopy(self.composed[key])
        OmegaConf.copy_cache(from_config=master_config, to_config=config)  # as Hydra does
        if without_seed is not None:
            set_seed(config, sweep_overrides)
        return config


def _of_a_run(compose: Compose, overrides: list[str]) -> tuple[DictConfig, list[str]]:
    """The config, and its overrides as they are written down."""
    others = [o for o in overrides if key_of(o) != LENGTH]
    if len(others) == len(overrides):
        return compose(overrides), overrides
    plain: Any = OmegaConf.to_container(compose(others), resolve=False)
    task = plain.get("task")
    if isinstance(task, Mapping) and "length" not in task:
        _refuse_several(o for o in overrides if key_of(o) == LENGTH)
        overrides = with_own_length(overrides, plain)
    return compose(overrides), overrides


def _refuse_several(overrides: Iterable[str]) -> None:
    """As Hydra does, by the name that was typed."""
    for override in OverridesParser.create().parse_overrides(list(overrides)):
        if override.is_sweep_override():
            raise ValueError(f"{override.input_line} are several values: a sweep takes -m")


def _drop_foreign_keys(config: DictConfig, overrides: list[str]) -> None:
    """What the yaml has for its own class, where the command line names one that has no such key."""
    plain: Any = OmegaConf.to_container(config, resolve=False)
    for group, key in foreign_keys(overrides, plain):
        with open_dict(config):
            del config[group][key]


def _name_by_class(config: DictConfig, overrides: list[str]) -> None:
    """A cell, task, clipping or regularizer whose class the command line names is not what its yaml is called."""
    for override in overrides:
        group, _, key = key_of(override).partition(".")
        if group in ("cell", "task", "clip", "regularizer") and key == "_target_":
            with open_dict(config.hydra.runtime.choices):
                target = str(OmegaConf.select(config, f"{group}._target_"))
                config.hydra.runtime.choices[group] = target.rpartition(".")[2]


def _is_of_a_job(override: str, base: DictConfig, varied: bool) -> bool:
    """Whether an override is for a key that only some choices of a group have, or for the length."""
    key = key_of(override)
    group = key.partition(".")[0]
    known = OmegaConf.select(base, key, throw_on_missing=False) is not None
    return key == LENGTH or (varied and not known and group in base.hydra.runtime.choices)


def _use_one_name(config: DictConfig, plain: Any) -> None:
    """Of those that Lightning has for one precision."""
    section = plain.get("trainer")
    name = str(section.get("precision")) if isinstance(section, Mapping) else ""
    if name in ALIASES:
        OmegaConf.update(config, "trainer.precision", ALIASES[name])
