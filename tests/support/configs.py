"""Configs composed from rnnlab's own yaml, and what is made of them."""

import copy
import functools
from typing import Any

from hydra._internal.utils import create_config_search_path
from hydra.core.plugins import Plugins
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict

from rnnlab.run import CONF, PLUGINS
from rnnlab.runs.hydra_loader import CheckedLoader
from rnnlab.runs.run_config import RunConfig, read_config


@functools.cache
def _loader() -> CheckedLoader:
    """The command's own, which reads each file once."""
    return CheckedLoader(create_config_search_path(str(CONF)))


@functools.cache  # read, never written
def composed(*overrides: str, hydra: bool = False) -> DictConfig:
    """What the command composes, with or without what Hydra adds."""
    if hydra:
        # Among Hydra's plugins are the places that it reads from; rnnlab's own are named by configs.
        Plugins.instance().class_name_to_class.update(PLUGINS)
        return _loader().load_configuration("config", list(overrides), RunMode.RUN)
    config = copy.deepcopy(composed(*overrides, hydra=True))
    with open_dict(config):
        del config["hydra"]
    return config


def plain(config: Any, resolve: bool = False) -> dict[str, Any]:
    made: Any = OmegaConf.to_container(config, resolve=resolve)
    return made


def run_config(*overrides: str) -> RunConfig:
    """What a command line with these overrides describes."""
    return read_config(plain(composed(*overrides), resolve=True))


def section(group: str, choice: str) -> dict[str, Any]:
    """What a choice composes to, interpolations as they stand."""
    return plain(composed(f"{group}={choice}")[group])


def leaves(config: dict[str, Any], prefix: str = "") -> set[str]:
    """The dotted key of each value that is no section, or an empty one."""
    found = set()
    for key, value in config.items():
        name = f"{prefix}{key}"
        within = isinstance(value, dict) and value
        found |= leaves(value, f"{name}.") if within else {name}
    return found
