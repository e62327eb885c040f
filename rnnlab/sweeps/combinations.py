"""The combinations of a command line's choices, and how each is called beside the others."""

import itertools
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from rnnlab.foundation.masking import masked
from rnnlab.tracking.result import variant_name

NAMED = ("cell", "clip", "task")  # by variant and task

Compose = Callable[[list[str]], DictConfig]


@dataclass(frozen=True)
class Combination:
    """One choice of everything but the length and the seed."""

    overrides: tuple[str, ...]
    variant: str
    task: str
    key: str
    """The config key that is its length."""
    steps: int
    """The budget: optimizer updates, at most."""
    setting: str = ""
    """The variant, and what else differs from other combinations."""
    label: str = ""
    """`setting` in the characters that MLflow allows, with the task where tasks differ."""

    def at(self, length: int, seed: int) -> tuple[str, ...]:
        """The overrides of one run."""
        return (*self.overrides, f"{self.key}={length}", f"seed={seed}")


def product(overrides: Iterable[Override]) -> list[tuple[str, ...]]:
    """Every combination of swept values, the last one varying fastest.

    Raises:
        ValueError: For a sweep without an end to its values, as interval(0, 1).
    """
    choices: dict[str, list[str]] = {}
    for override in overrides:
        key = override.get_key_element()
        if not override.is_sweep_override():
            choices[key] = [f"{key}={override.get_value_element_as_str()}"]
        elif override.is_discrete_sweep():
            choices[key] = [f"{key}={value}" for value in override.sweep_string_iterator()]
        else:
            raise ValueError(f"{override.input_line} cannot be swept: list the values")
    return list(itertools.product(*choices.values()))


def to_plain(config: DictConfig) -> dict[str, Any]:
    """A composed job's config, resolved, without Hydra's own."""
    HydraConfig.instance().set_config(config)  # ${hydra:...} is resolved by it
    own = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
    return cast(dict[str, Any], OmegaConf.to_container(own, resolve=True, throw_on_missing=True))


def describe(
    chosen: Sequence[tuple[str, ...]], compose: Compose, key: str | None, lengths: Sequence[int]
) -> list[Combination]:
    """What each combination is, with its task tried at `lengths`.

    Args:
        chosen: The overrides of each.
        compose: Composes a job from its overrides.
        key: The config key that is the length of all; None: what each task says.
        lengths: The first and the last that the search may try.

    Raises:
        ValueError: If `key` is no length of one of them, or its task refuses one of `lengths`.
    """
    return _labelled([_describe(overrides, compose, key, lengths) for overrides in chosen])


def _describe(
    overrides: tuple[str, ...], compose: Compose, key: str | None, lengths: Sequence[int]
) -> Combination:
    from rnnlab.runs.run_config import read_task, refuse_other_keys

    composed = compose(list(overrides))
    choices = composed.hydra.runtime.choices
    section = to_plain(composed)
    refuse_other_keys(section)
    key = key or f"task.{read_task(section).length_key}"
    if type(OmegaConf.select(composed, key)) is not int:
        raise ValueError(
            f"{key}, the length of task={choices.task}, is no whole number of its yaml"
        )
    for length in lengths:
        read_task(to_plain(compose([*overrides, f"{key}={length}"])))
    steps = section["train"]["steps"]
    return Combination(overrides, variant_name(choices), choices.task, key, steps)


def _labelled(combinations: Sequence[Combination]) -> list[Combination]:
    """Each with what differs in it from the others; no two have one label."""
    shared = set.intersection(*(set(combination.overrides) for combination in combinations))
    several_tasks = len({combination.task for combination in combinations}) > 1
    labels: dict[str, Combination] = {}
    for combination in combinations:
        own = [o for o in combination.overrides if o not in shared and _key(o) not in NAMED]
        setting = masked(" ".join([combination.variant, *own]))
        label = _legal(f"{setting} {combination.task}" if several_tasks else setting)
        if label in labels:
            label = f"{label[:240]} {len(labels)}"
        labels[label] = replace(combination, setting=setting, label=label)
    return list(labels.values())


def _legal(label: str) -> str:
    return re.sub(r"[^\w.\- :]", "_", label.replace("=", ":"), flags=re.ASCII)[:220]


def _key(override: str) -> str:
    return override.lstrip("+").partition("=")[0]
