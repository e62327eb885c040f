"""What Hydra, and Python's logging, may call of what a config names: listed, one by one.

What rnnlab builds it checks by itself (`rnnlab.runs.build.build`). But Hydra makes its launcher, its
sweeper and its callbacks, and logging makes handlers, of whatever a config names, from an override,
a yaml or an interpolation alike: so all of it is looked at once it is composed.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from rnnlab.foundation.nested import values
from rnnlab.runs.build import check_allowed, lies_in, target_class

LOGS = ("hydra_logging", "job_logging")
CALLED = ("callbacks", "launcher", "sweeper", *LOGS)  # sections of what is imported and called
CALLBACKS = (
    "hydra.experimental.callbacks.LogJobReturnCallback",
    "hydra.experimental.callbacks.PickleJobInfoCallback",
)
LOGGING = (
    *("logging.StreamHandler", "logging.FileHandler", "logging.NullHandler"),
    *("logging.handlers.RotatingFileHandler", "logging.handlers.TimedRotatingFileHandler"),
    *("logging.handlers.WatchedFileHandler", "logging.Formatter", "logging.Filter"),
    *("colorlog.ColoredFormatter", "colorlog.StreamHandler"),
)
CALLED_BY_LOGGING = (".class", ".()")  # keys
STREAMS = ("ext://sys.stdout", "ext://sys.stderr")
_OF_HYDRA = r"job\.(name|id|num)|run\.dir|sweep\.(dir|subdir)|runtime\.(cwd|output_dir)"
RESOLVED_TO_TEXT = re.compile(rf"\$\{{((now|oc\.env):[^${{}}]*|hydra[.:]({_OF_HYDRA}))\}}")
"""What is text or a number whenever it is resolved; Hydra resolves once this has been looked at."""


def refuse_calls(config: DictConfig) -> None:
    """Look for what Hydra, or logging, would import or call.

    Raises:
        ValueError: That names the key, its value, and what is allowed.
    """
    allow = config.get("allow_targets", [])
    allow = check_allowed(OmegaConf.to_object(allow) if OmegaConf.is_config(allow) else allow)
    plain: Any = OmegaConf.to_container(config.hydra, resolve=False)
    for section in CALLED:
        if plain[section] is None:
            raise ValueError(f"hydra.{section}=null leaves nothing that Hydra could use")
        for key, value in _texts(plain[section], f"hydra.{section}"):
            if key.endswith("._target_"):
                _refuse_target(section, key, value, allow)
            whole = value.startswith("${") and value.endswith("}")  # with more around it is text
            if whole and not RESOLVED_TO_TEXT.fullmatch(value):
                raise ValueError(f"{key}={value} is not written out: what Hydra calls has to be")
            if section in LOGS:
                _refuse_in_logging(key, value)


def _refuse_target(section: str, key: str, value: str, allow: Sequence[str]) -> None:
    if _is_listed(section, value):
        return
    if not lies_in(allow, value):
        raise ValueError(
            f"{key}={value} is not a class of Hydra's, its plugins' or rnnlab's: "
            "allow_targets lists other packages"
        )
    own = section == "callbacks" and key.count(".") == len(("hydra", "callbacks", "its name"))
    found = target_class(key.removesuffix("._target_"), value, Callback if own else object, allow)
    if not lies_in(allow, f"{found.__module__}.{found.__name__}"):
        raise ValueError(f"{key}={value} is not a class of {value.partition('.')[0]} itself")


def _is_listed(section: str, value: str) -> bool:
    """Whether a section may name this class, whoever names it."""
    if section == "callbacks":
        return value in CALLBACKS
    return value in Plugins.instance().class_name_to_class or value in _named_by_plugins()


def _named_by_plugins() -> Iterator[str]:
    """Classes in the configs that installed plugins bring: a sweeper's sampler, as optuna's."""
    return _targets(ConfigStore.instance().repo.get("hydra", {}))


def _targets(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for inner in node.values():
            yield from _targets(inner)
    elif hasattr(node, "node"):
        plain = OmegaConf.to_container(node.node, resolve=False)
        yield from (text for key, text in _texts(plain, "node") if key.endswith("._target_"))


def _refuse_in_logging(key: str, value: str) -> None:
    if key.endswith(CALLED_BY_LOGGING) and value not in LOGGING:
        raise ValueError(f"{key}={value} is not a class of Python's logging that can be named")
    if value.startswith(("ext://", "cfg://")) and value not in STREAMS:
        raise ValueError(f"{key}={value} is not one of Python's standard streams")


def _texts(node: Any, key: str) -> Iterator[tuple[str, str]]:
    if not isinstance(node, Mapping | list):
        yield key, str(node)
    else:
        for inner, value in values(node, key):
            yield inner, str(value)
