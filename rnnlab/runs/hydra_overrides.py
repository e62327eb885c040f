"""What of a command line Hydra would not take as it is typed, and what it is given instead.

`task.length=50` is `task.seq_len=50` or `task.delay=50`, whichever the task counts as its length. A
class of one's own choosing, `schedule._target_=torch.optim.lr_scheduler.OneCycleLR`, has keys that
no yaml has.
"""

import inspect
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from hydra.core.override_parser.types import Override

from rnnlab.runs.build import check_allowed, target_class
from rnnlab.runs.matched_size import COUNTED, SIZE

LENGTH = "task.length"
ONE_OF = (*("cell", "task", "clip", "regularizer", "optimizer", "schedule", "trainer", "tracking"),)
"""Groups of which a run has one option."""
_TARGET = re.compile(r"\+*(cell|task|clip|regularizer|optimizer|schedule)\._target_=")


def key_of(override: str) -> str:
    """The dotted key, or the group, that an override is for."""
    return override.lstrip("+~").partition("=")[0].partition("@")[0]


def value_of(override: str) -> str:
    """What an override sets, as it is typed."""
    return override.partition("=")[2]


def of_hydra(override: str) -> bool:
    """Whether it is for Hydra itself."""
    return re.match(r"hydra[./]", key_of(override)) is not None


def with_new_keys(overrides: Iterable[str]) -> list[str]:
    """Where a class is named, its keys are added: which of them it has is checked once it is known."""
    overrides = list(overrides)
    named = _named(overrides)
    return [
        f"++{override}" if _is_plain(override) and _section(override) in named else override
        for override in overrides
    ]


def refuse_lists(overrides: Iterable[str]) -> None:
    """Several options of a group of which a run has one: `cell=[lstm,gru]` is no sweep.

    Raises:
        ValueError: That names the override, and how to sweep.
    """
    for override in overrides:
        key, value = key_of(override), value_of(override).strip()
        if key in ONE_OF and value.startswith("[") and value.endswith("]"):
            several = value.strip("[]").replace(" ", "")
            raise ValueError(
                f"{override} chooses several, and a run has one: sweep with -m {key}={several}"
            )


def refuse_repeated(overrides: Iterable[Override]) -> None:
    """A key that a sweep is given twice, once at least with several values: `seed=0,1 seed=2`.

    Raises:
        ValueError: That names the overrides.
    """
    by_key: dict[str, list[Override]] = {}
    for override in overrides:
        by_key.setdefault(override.get_key_element().lstrip("+"), []).append(override)
    for key, same in by_key.items():
        if len(same) > 1 and any(override.is_sweep_override() for override in same):
            said = " and ".join(str(override.input_line) for override in same)
            raise ValueError(f"{key} is set {len(same)} times, by {said}: choose one of them")


def refuse_matched_size(overrides: Iterable[str], plain: Mapping[str, Any]) -> None:
    """A hidden_size that the command line gives, where `model.match_params` or `model.match_state` chooses it.

    Raises:
        ValueError: That names both.
    """
    model = plain.get("model")
    section = model if isinstance(model, Mapping) else {}
    asked = [f"model.{key}={section[key]}" for key in COUNTED if section.get(key) is not None]
    typed = [o for o in overrides if key_of(o) == f"cell.{SIZE}" and not o.startswith("~")]
    if asked and typed:
        name = asked[0].partition("=")[0]
        raise ValueError(
            f"{typed[0].lstrip('+')} and {asked[0]} each choose cell.{SIZE}: leave one out, or "
            f"set {name}=null"
        )


def foreign_keys(overrides: Iterable[str], plain: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Group and key of what a yaml has for its own class, and the class named instead has not.

    Args:
        overrides: Of one run.
        plain: What they compose to.
    """
    overrides = list(overrides)
    typed = {key_of(override) for override in overrides}
    found = []
    for group in _named(overrides):
        section = plain.get(group)
        if not isinstance(section, Mapping):
            continue
        of_yaml = [key for key in section if f"{group}.{key}" not in typed]
        if of_yaml:
            has = _parameters(group, section["_target_"], plain.get("allow_targets", []))
            found += [(group, key) for key in of_yaml if has is not None and key not in has]
    return found


def _parameters(group: str, target: object, allow: object) -> Collection[str] | None:
    """Of the class; None if it cannot be used, which is refused where it is built."""
    try:
        return inspect.signature(
            target_class(group, target, object, check_allowed(allow))
        ).parameters
    except ValueError:
        return None


def _named(overrides: Iterable[str]) -> set[str]:
    """The groups of which the command line names a class."""
    return {match[1] for match in map(_TARGET.match, overrides) if match}


def _is_plain(override: str) -> bool:
    return override[:1] not in "+~" and "." in key_of(override)


def _section(override: str) -> str:
    return key_of(override).partition(".")[0]


def with_own_length(overrides: Iterable[str], plain: Mapping[str, Any]) -> list[str]:
    """`task.length` as the key that is the length of the task, whose class is looked up.

    Args:
        overrides: Of one run.
        plain: What they compose to without `task.length`.

    Raises:
        ValueError: If the task cannot be used, or its length is set by its own key as well.
    """
    from rnnlab.tasks import Task

    overrides, task = list(overrides), plain["task"]
    allow = check_allowed(plain.get("allow_targets", []))
    own = f"task.{target_class('task', task.get('_target_'), Task, allow).length_key}"
    both = [override for override in overrides if key_of(override) in (LENGTH, own)]
    if len(both) > 1:
        raise ValueError(f"{' and '.join(both)} set one length: choose one of them")
    return [
        f"{own}={value_of(override)}" if key_of(override) == LENGTH else override
        for override in overrides
    ]
