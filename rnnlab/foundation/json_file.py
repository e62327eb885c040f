"""Dataclasses of plain types that lie in a folder as JSON, where anybody may have written to them.

A file's last key, `sha256`, is the digest of all the others: a bit that the disk has changed, or a
number that somebody has, is not believed. Files of rnnlab 0.1 have none.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from rnnlab.foundation.files import read_text, why_unread, write_text

T = TypeVar("T")

DIGEST = "sha256"
LARGEST = 2**63 - 1  # of what a store takes


def write_json(path: Path, stored: Any) -> None:
    """Replace the file as a whole: a killed process leaves the one before."""
    write_content(path, asdict(stored))


def write_content(path: Path, content: Mapping[str, Any]) -> None:
    """The same, of a mapping of plain types."""
    write_text(path, json.dumps({**content, DIGEST: _digest(content)}, indent=1))


def read_json(path: Path, kind: type[T]) -> T:
    """What lies in `path`, every field of the type that `kind` declares.

    Raises:
        ValueError: If there is no file, it holds anything else, or it has been changed.
    """
    content = read_content(path)
    try:
        stored = kind(**content)
    except TypeError as error:
        raise ValueError(f"{path} cannot be read: {why_unread(error)}") from error
    for name, of in get_type_hints(kind).items():
        if not _is_a(getattr(stored, name), of):
            raise ValueError(f"{path} cannot be read: {name} is not {_in_words(of)}")
    return stored


def read_content(path: Path) -> dict[str, Any]:
    """What lies in `path` as JSON, without its digest.

    Raises:
        ValueError: If there is no file, it holds no object, or it has been changed.
    """
    try:
        content = json.loads(read_text(path))
        if not isinstance(content, dict):
            raise TypeError("it is no object of JSON")
        is_whole = content.pop(DIGEST, None) in (None, _digest(content))
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read: {why_unread(error)}") from error
    if not is_whole:
        raise ValueError(f"{path} is damaged: its content does not match its checksum")
    return content


def _digest(content: Mapping[str, Any]) -> str:
    """However the file is laid out."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _in_words(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return f"one of {', '.join(map(str, get_args(kind)))}"
    return f"of type {getattr(kind, '__name__', kind)}"


def _is_a(value: Any, kind: Any) -> bool:
    if kind is Any:
        return True
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    if get_origin(kind) is UnionType:
        return any(_is_a(value, option) for option in get_args(kind))
    if get_origin(kind) is list:
        return isinstance(value, list) and all(_is_a(item, get_args(kind)[0]) for item in value)
    if get_origin(kind) is dict:
        of = get_args(kind)[1]  # a key of JSON is text
        return isinstance(value, dict) and all(_is_a(item, of) for item in value.values())
    if kind in (int, float):
        return is_number(value, kind)
    return isinstance(value, kind)


def is_number(value: Any, kind: type[int] | type[float]) -> bool:
    """Whether it is a number that a store takes; a whole number is a `float` too, True is none."""
    if isinstance(value, float):
        return kind is float and math.isfinite(value)
    return type(value) is int and abs(value) <= LARGEST
