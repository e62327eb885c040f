"""Dataclasses of plain types that lie in a folder as JSON, where anybody may have written to them."""

import json
from dataclasses import asdict
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from rnnlab.foundation.files import write_text

T = TypeVar("T")


def write_json(path: Path, stored: Any) -> None:
    """Replace the file as a whole: a killed process leaves the one before."""
    write_text(path, json.dumps(asdict(stored), indent=1))


def read_json(path: Path, kind: type[T]) -> T:
    """What lies in `path`, every field of the type that `kind` declares.

    Raises:
        ValueError: If there is no file, or it holds anything else.
    """
    try:
        stored = kind(**json.loads(path.read_text(encoding="utf-8")))
        for name, of in get_type_hints(kind).items():
            if not _is_a(getattr(stored, name), of):
                raise TypeError(f"{name} is not of type {getattr(of, '__name__', of)}")
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    return stored


def _is_a(value: Any, kind: Any) -> bool:
    if kind is Any:
        return True
    if get_origin(kind) is UnionType:
        return any(_is_a(value, option) for option in get_args(kind))
    if get_origin(kind) is list:
        return isinstance(value, list) and all(_is_a(item, get_args(kind)[0]) for item in value)
    if get_origin(kind) is dict:
        of = get_args(kind)[1]  # a key of JSON is text
        return isinstance(value, dict) and all(_is_a(item, of) for item in value.values())
    if kind in (int, float):
        return isinstance(value, int | kind) and not isinstance(value, bool)
    return isinstance(value, kind)
