"""Hydra's config loader: reads each file once, and calls nothing but what is part of these tools.

What rnnlab builds it checks by itself (`rnnlab.runs.build.build`). But Hydra makes its launcher, its
sweeper and its callbacks, and Python's logging makes handlers, of whatever a config names, from an
override, a yaml or an interpolation alike: so all of it is looked at once it is composed.
"""

import copy
import re
from collections.abc import Iterator, Mapping
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import ConfigRepository
from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.config_source import ConfigResult
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from rnnlab.foundation.masking import hide_environment
from rnnlab.runs.build import check_allowed, lies_in

PACKAGES = ("hydra", "hydra_plugins", "rnnlab")
LOGS = ("hydra_logging", "job_logging")
CALLED = ("callbacks", "launcher", "sweeper", *LOGS)  # sections of what is imported and called
LOGGING = re.compile(r"logging\.\w+|logging\.handlers\.\w+|colorlog\.\w+")
CALLED_BY_LOGGING = (".class", ".()")  # keys
RESOLVED_TO_TEXT = re.compile(r"\$\{(hydra|now|oc\.env):[^${}]*\}")


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
            self.read[config_path] = _by_name(config_path, super().load_config(config_path))
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

    What a config takes from the environment is hidden from here on.
    """

    def __init__(self, config_search_path: ConfigSearchPath) -> None:
        super().__init__(config_search_path)
        self.repository = ReadOnce(config_search_path)

    def load_configuration(
        self, config_name: str | None, overrides: list[str], *arguments: Any, **named: Any
    ) -> DictConfig:
        config = super().load_configuration(config_name, overrides, *arguments, **named)
        hide_environment([overrides, OmegaConf.to_container(config, resolve=False)])
        refuse_foreign(config)
        return config


def refuse_foreign(config: DictConfig) -> None:
    """Look for what Hydra, or logging, would import or call.

    Raises:
        ValueError: That names the key, its value, and what is allowed.
    """
    allow = config.get("allow_targets", [])
    allow = check_allowed(OmegaConf.to_object(allow) if OmegaConf.is_config(allow) else allow)
    packages = (*PACKAGES, *allow)
    plain: Any = OmegaConf.to_container(config.hydra, resolve=False)
    for section in CALLED:
        for key, value in _leaves(plain[section], f"hydra.{section}"):
            if key.endswith("._target_") and not lies_in(packages, value):
                raise ValueError(
                    f"{key}={value} is not a class of Hydra's, its plugins' or rnnlab's: "
                    "allow_targets lists other packages"
                )
            whole = value.startswith("${") and value.endswith("}")  # with more around it is text
            if whole and not _is_scalar(config, key, value):
                raise ValueError(f"{key}={value} is not written out: what Hydra calls has to be")
            if section in LOGS:
                _refuse_foreign_in_logging(key, value)


def _refuse_foreign_in_logging(key: str, value: str) -> None:
    if key.endswith(CALLED_BY_LOGGING) and LOGGING.fullmatch(value) is None:
        raise ValueError(f"{key}={value} is not a class of Python's logging")
    if value.startswith(("ext://", "cfg://")) and not value.startswith("ext://sys."):
        raise ValueError(f"{key}={value} is not one of Python's standard streams")


def _is_scalar(config: DictConfig, key: str, value: str) -> bool:
    """Whether an interpolation is for a number or a text, not for a section that would be called."""
    if RESOLVED_TO_TEXT.fullmatch(value):
        return True
    try:
        found = OmegaConf.select(config, key)
    except OmegaConfBaseException:
        return False
    return found is not None and not OmegaConf.is_config(found)


def _leaves(node: Any, key: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, Mapping):
        for name, value in node.items():
            yield from _leaves(value, f"{key}.{name}")
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from _leaves(value, f"{key}.{number}")
    else:
        yield key, str(node)
