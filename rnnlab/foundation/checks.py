"""Refusing a wrong choice: the name, the value and what is allowed, in one ValueError."""

import math
import os
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

ALLOWED = "Allowed:"
FEW = 12  # choices that fit a line


def check_int(name: str, value: int, minimum: int, maximum: int | None = None) -> int:
    """`value`, if it is a whole number within the bounds; True is no number."""
    if type(value) is not int:
        raise ValueError(f"{name}={value} is not a whole number (at least {minimum})")
    if value < minimum:
        raise ValueError(f"{name}={value} is too small: at least {minimum}")
    if maximum is not None and value > maximum:
        raise ValueError(f"{name}={value} is too large: at most {maximum}")
    return value


def check_seed(name: str, value: int) -> int:
    """`value`, if it is a seed: 0 to 2**32 - 1, which is all that torch keeps of one."""
    return check_int(name, value, minimum=0, maximum=2**32 - 1)


def check_float(
    name: str,
    value: float,
    at_least: float = -math.inf,
    above: float = -math.inf,
    below: float = math.inf,
) -> float:
    """`value`, if it is a finite number within the bounds; True is no number."""
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError(f"{name}={value} is not a finite number")
    bounds = {"at least": at_least, "above": above, "below": below}
    kept = (value >= at_least, value > above, value < below)
    if not all(kept):
        allowed = [f"{word} {bound}" for word, bound in bounds.items() if math.isfinite(bound)]
        raise ValueError(f"{name}={value} is out of bounds: {' and '.join(allowed)}")
    return value


def check_bool(name: str, value: bool) -> bool:
    """`value`, if it is true or false."""
    if type(value) is not bool:
        raise ValueError(f"{name}={value} is neither true nor false")
    return value


def check_choice(name: str, value: T, allowed: Iterable[T]) -> T:
    """`value`, if it is one of `allowed`, types included: 2.0 is not 2."""
    allowed = list(allowed)
    if any(type(value) is type(choice) and value == choice for choice in allowed):
        return value
    meant = did_you_mean(value, allowed)
    mark = "." if meant.startswith(ALLOWED) else ":"
    raise ValueError(f"{name}={value} is not allowed{mark} {meant}")


def check_folder(name: str, path: Path) -> Path:
    """`path`, if a folder is there, or can be made there; nothing is made."""
    try:
        there = next(each for each in (path, *path.parents) if each.exists())
        writable = os.access(there, os.W_OK)
    except OSError as error:  # a name that is too long
        raise ValueError(f"{name}={path} cannot be used: {error.strerror}") from error
    longest = os.pathconf(there, "PC_NAME_MAX")
    if any(len(os.fsencode(part)) > longest for part in path.parts):
        raise ValueError(f"{name}={path} cannot be used: File name too long")
    if not there.is_dir():
        raise ValueError(f"{name}={path} cannot be used: {there} is a file")
    if not writable:
        raise ValueError(f"{name}={path} cannot be used: {there} cannot be written to")
    return path


def did_you_mean(value: object, allowed: Iterable[object]) -> str:
    """What may stand instead of `value`: the nearest match, and all of them if they are few."""
    choices = list(dict.fromkeys(map(str, allowed)))
    nearest = get_close_matches(str(value), choices, n=1)
    hint = f"did you mean {nearest[0]}?" if nearest else ""
    if hint and len(choices) > FEW:
        return hint
    return f"{hint} {ALLOWED} {', '.join(choices)}".lstrip()
