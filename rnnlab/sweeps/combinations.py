"""The combinations of a command line's choices, and how each is called beside the others."""

import itertools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from rnnlab.foundation.masking import masked
from rnnlab.runs.hydra_errors import refused_as
from rnnlab.runs.hydra_overrides import key_of
from rnnlab.runs.hydra_plain import job_folder, to_plain
from rnnlab.runs.settings import read_settings
from rnnlab.runs.trial import try_out
from rnnlab.sweeps.job_list import identity
from rnnlab.sweeps.twins import refuse_twins
from rnnlab.tracking.result import variant_name

NAMED = ("cell", "clip", "regularizer", "task")  # by variant and task

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


@dataclass(frozen=True)
class Composed:
    """The overrides of a combination, and what they compose to."""

    overrides: tuple[str, ...]
    config: DictConfig
    plain: dict[str, Any]
    place: str
    """Which of several it is, for messages."""
    compose: Compose

    def at(self, key: str, length: int) -> dict[str, Any]:
        """Its plain config at a length."""
        config = self.compose([*self.overrides, f"{key}={length}"])
        return to_plain(config, job_folder(config, 0))


def compose_each(
    chosen: Sequence[tuple[str, ...]], compose: Compose, here: bool = True
) -> list[Composed]:
    """Each combination composed, and checked as far as that needs no torch.

    Args:
        chosen: The overrides of each.
        compose: Composes a job from its overrides.
        here: Whether the jobs are to run on this machine.

    Raises:
        JobRefusedError: For one that cannot be used.
        ValueError: If two are the same.
    """
    composed = []
    for overrides in chosen:
        place = "" if len(chosen) == 1 else f"of the combination {masked(' '.join(overrides))}"
        with refused_as(overrides, place):
            config = compose(list(overrides))
            plain = to_plain(config, job_folder(config, 0))
            read_settings(plain, here)
            composed.append(Composed(overrides, config, plain, place, compose))
    names = [" ".join(overrides) or "defaults" for overrides in chosen]
    refuse_twins([identity(combination.plain) for combination in composed], names)
    return composed


def describe(
    composed: Sequence[Composed], key: str | None, lengths: Sequence[int], here: bool = True
) -> list[Combination]:
    """What each combination is, with its task tried at `lengths`.

    Args:
        composed: Each combination.
        key: The config key that is the length of all; None: what each task says.
        lengths: The first and the last that the search may try.
        here: Whether the jobs are to run on this machine.

    Raises:
        JobRefusedError: If `key` is no length of one of them, if its task refuses one of `lengths`,
            or if it could not run at the first.
    """
    described = []
    for combination in composed:
        with refused_as(combination.overrides, combination.place):
            described.append(_describe(combination, key))
            own_key = described[-1].key
            _try_out([combination.at(own_key, length) for length in lengths], here)
    return _labelled(described)


def _describe(composed: Composed, key: str | None) -> Combination:
    from rnnlab.runs.run_config import read_task

    choices = composed.config.hydra.runtime.choices
    task = read_task(composed.plain)
    if task.solved_below is None:
        raise ValueError(
            f"task={choices.task} has no horizon: it has no error rate below which it counts as solved"
        )
    key = key or f"task.{task.length_key}"
    if type(OmegaConf.select(composed.config, key)) is not int:
        raise ValueError(
            f"{key}, the length of task={choices.task}, is no whole number of its yaml"
        )
    steps = composed.plain["train"]["steps"]
    return Combination(composed.overrides, variant_name(choices), choices.task, key, steps)


def _try_out(at_lengths: Sequence[Mapping[str, Any]], here: bool) -> None:
    """All of a run at the first length, and at the others its task."""
    from rnnlab.runs.run_config import read_task

    for at_length in at_lengths:
        read_task(at_length)
    try_out(at_lengths[0], here)


def _labelled(combinations: Sequence[Combination]) -> list[Combination]:
    """Each with what differs in it from the others; no two have one label."""
    shared = set.intersection(*(set(combination.overrides) for combination in combinations))
    several_tasks = len({combination.task for combination in combinations}) > 1
    labels: dict[str, Combination] = {}
    for combination in combinations:
        own = [o for o in combination.overrides if o not in shared and key_of(o) not in NAMED]
        setting = masked(" ".join([combination.variant, *own]))
        label = _legal(f"{setting} {combination.task}" if several_tasks else setting)
        if label in labels:
            label = f"{label[:240]} {len(labels)}"
        labels[label] = replace(combination, setting=setting, label=label)
    return list(labels.values())


def _legal(label: str) -> str:
    return re.sub(r"[^\w.\- :]", "_", label.replace("=", ":"), flags=re.ASCII)[:220]
