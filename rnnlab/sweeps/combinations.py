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
from rnnlab.runs.hydra_plain import job_folder, to_plain
from rnnlab.runs.settings import read_settings
from rnnlab.runs.trial import try_out
from rnnlab.sweeps.twins import refuse_twins
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


def describe(
    chosen: Sequence[tuple[str, ...]],
    compose: Compose,
    key: str | None,
    lengths: Sequence[int],
    here: bool = True,
) -> list[Combination]:
    """What each combination is, with its task tried at `lengths`.

    Args:
        chosen: The overrides of each.
        compose: Composes a job from its overrides.
        key: The config key that is the length of all; None: what each task says.
        lengths: The first and the last that the search may try.
        here: Whether the jobs are to run on this machine.

    Raises:
        ValueError: If two are the same.
        JobRefusedError: If `key` is no length of one of them, if its task refuses one of `lengths`,
            or if it could not run at the first.
    """

    def plain(overrides: Sequence[str]) -> dict[str, Any]:
        composed = compose(list(overrides))
        return to_plain(composed, job_folder(composed, 0))

    described = []
    for overrides in chosen:
        place = "" if len(chosen) == 1 else f"of the combination {masked(' '.join(overrides))}"
        with refused_as(overrides, place):
            combination = _describe(overrides, compose(list(overrides)), key)
            at_lengths = [plain([*overrides, f"{combination.key}={length}"]) for length in lengths]
            _try_out(at_lengths, here)
            described.append((combination, at_lengths[0]))
    names = [" ".join(overrides) or "defaults" for overrides in chosen]
    refuse_twins([at_first for _, at_first in described], names)
    return _labelled([combination for combination, _ in described])


def _describe(overrides: tuple[str, ...], composed: DictConfig, key: str | None) -> Combination:
    choices = composed.hydra.runtime.choices
    plain = to_plain(composed, job_folder(composed, 0))
    read_settings(plain)
    from rnnlab.runs.run_config import read_task

    key = key or f"task.{read_task(plain).length_key}"
    if type(OmegaConf.select(composed, key)) is not int:
        raise ValueError(
            f"{key}, the length of task={choices.task}, is no whole number of its yaml"
        )
    steps = plain["train"]["steps"]
    return Combination(overrides, variant_name(choices), choices.task, key, steps)


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
