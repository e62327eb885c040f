"""What in a config follows from one of its keys, as schedule.T_max=${train.steps} from train.steps."""

import copy
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from rnnlab.foundation.yaml_file import read_sealed
from rnnlab.tracking.result import leaves


def followers(path: Path, key: str, had: object, value: object) -> dict[str, str]:
    """The keys whose values would be others, each as the config spells it.

    Args:
        path: Of the config as Hydra has written it, with its interpolations.
        key: The key that changes.
        had: Its value.
        value: What it becomes.

    Raises:
        ValueError: If the config cannot be read.
    """
    text = read_sealed(path)
    try:
        config = OmegaConf.create(text)
        before, after = (_with(config, key, v) for v in (had, value))
    except (OmegaConfBaseException, YAMLError, ValueError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    plain: Any = OmegaConf.to_container(before, resolve=False)
    spelt = {name: text for name, text in leaves(plain) if "${" in text}
    return {
        name: text
        for name, text in spelt.items()
        if _resolved(before, name) != _resolved(after, name)
    }


def _with(config: Any, key: str, value: object) -> DictConfig:
    if not isinstance(config, DictConfig):
        raise ValueError("it is not the config of a run")
    config = copy.deepcopy(config)
    OmegaConf.update(config, key, value)
    return config


def _resolved(config: DictConfig, name: str) -> object:
    """Its value; None of one that has to do with more than the config, as ${hydra:job.num}."""
    try:
        found = OmegaConf.select(config, name)
        return OmegaConf.to_container(found, resolve=True) if OmegaConf.is_config(found) else found
    except OmegaConfBaseException:
        return None
