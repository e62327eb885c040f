"""Jobs that differ in their seed alone: Hydra composes the first, and the others are made of it.

The seed chooses no file: whatever a config makes of it, it makes when it is read, as `${seed}`. So
all that Hydra would compose otherwise is the number, the line that has set it, and
`hydra.job.override_dirname`. Composing one takes 0.1 s.
"""

import re
from collections.abc import Sequence
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from rnnlab.runs.hydra_overrides import key_of, with_new_keys

SEED = "seed"
SET = re.compile(rf"{SEED}=(0|[1-9]\d*)")


def seedless(overrides: Sequence[str]) -> tuple[str, ...] | None:
    """What such jobs have in common; None of a job that does not set its seed once, to a number.

    Nor of one whose class may go by the seed: a class that the command line names is looked up.
    """
    lines = [override for override in overrides if key_of(override) == SEED]
    if len(lines) != 1 or not SET.fullmatch(lines[0]):
        return None
    if any("._target_=" in override and "${" in override for override in overrides):
        return None
    return tuple(SEED if override == lines[0] else override for override in overrides)


def set_seed(config: DictConfig, overrides: Sequence[str]) -> None:
    """Make another's config what Hydra composes of these overrides, of which but the seed are its own."""
    line = next(override for override in overrides if key_of(override) == SEED)
    parser = OverridesParser.create()
    ConfigLoaderImpl._apply_overrides_to_config(parser.parse_overrides([line]), config)
    said: Any = OmegaConf.to_container(config.hydra.overrides.task, resolve=False)
    lines = [line if key_of(other) == SEED else other for other in said]
    config.hydra.overrides.task = lines
    says = config.hydra.job.config.override_dirname
    config.hydra.job.override_dirname = get_overrides_dirname(
        overrides=parser.parse_overrides(with_new_keys(lines)),
        kv_sep=says.kv_sep,
        item_sep=says.item_sep,
        exclude_keys=says.exclude_keys,
    )
