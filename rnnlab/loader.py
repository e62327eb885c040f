"""Hydra's config loader, which has Hydra itself call nothing but what is part of these tools.

What rnnlab builds it checks by itself (`rnnlab.config.build`). But Hydra makes its launcher, its
sweeper and its callbacks, and Python's logging makes handlers, of whatever a config names, from an
override, a yaml or an interpolation alike: so all of it is looked at once it is composed.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from omegaconf import DictConfig, OmegaConf

PACKAGES = ("hydra", "hydra_plugins", "rnnlab")
LOGGING = re.compile(r"logging\.\w+|logging\.handlers\.\w+|colorlog\.\w+")
OF_LOGGING = ("class", "()")  # keys whose value Python's logging calls


class CheckedLoader(ConfigLoaderImpl):
    """Refuses, with a ValueError, a composed config in whose `hydra` section something is foreign."""

    def load_configuration(self, *arguments: Any, **named: Any) -> DictConfig:
        config = super().load_configuration(*arguments, **named)
        section = OmegaConf.to_container(config.hydra, resolve=False)
        refuse_foreign(section, tuple(config.get("allow_targets") or ()))
        return config


def refuse_foreign(section: Any, allowed: tuple[str, ...]) -> None:
    """Look for what Hydra, or logging, would import or call.

    Args:
        section: The `hydra` section, plain, before interpolations are resolved.
        allowed: What the user lists in `allow_targets`.

    Raises:
        ValueError: That names the key, its value, and what is allowed.
    """
    packages = tuple(f"{package}." for package in (*PACKAGES, *allowed))
    for key, value in _leaves(section, "hydra"):
        name = key.rpartition(".")[2]
        if name == "_target_" and not str(value).startswith(packages):
            known = "Hydra's, its plugins' or rnnlab's"
            raise ValueError(
                f"{key}={value} is not a class of {known}: allow_targets lists other packages"
            )
        if "_logging." not in key:
            continue
        if name in OF_LOGGING and LOGGING.fullmatch(str(value)) is None:
            raise ValueError(f"{key}={value} is not a class of Python's logging")
        if str(value).startswith(("ext://", "cfg://")) and not str(value).startswith("ext://sys."):
            raise ValueError(f"{key}={value} is not one of Python's standard streams")


def _leaves(node: Any, key: str) -> Iterator[tuple[str, Any]]:
    if isinstance(node, Mapping):
        for name, value in node.items():
            yield from _leaves(value, f"{key}.{name}")
    elif isinstance(node, list):
        for value in node:
            yield from _leaves(value, key)
    else:
        yield key, node
