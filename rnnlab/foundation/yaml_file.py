"""The yaml files of a run's folder, with a checksum as their last line; and yaml of anybody's, of a size.

    # sha256 9f86d081884c7d65...

A few lines of yaml can stand for more than any memory holds, where aliases repeat what repeats aliases.
What rnnlab has written has none.
"""

import hashlib
from pathlib import Path
from typing import Any

import yaml

from rnnlab.foundation.files import read_text, why_unread, write_text

MARK = "# sha256 "
MOST = 100_000
"""Of values that a yaml may stand for, and of its letters ten times that."""


def write_yaml(path: Path, content: Any) -> None:
    """Plain types, each written out, in the order that they have."""
    write_text(path, sealed(yaml.dump(content, Dumper=_WithoutAliases, sort_keys=False)))


def read_yaml(path: Path, must: bool = True) -> Any:
    """The plain types that a file of a run holds.

    Raises:
        ValueError: As `read_sealed` does, and if it names more than plain types.
    """
    text = read_sealed(path, must)
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"{path} cannot be read: {why_unread(error)}") from error


def sealed(text: str) -> str:
    """The text of a file with its checksum; of one that has it already, with a new one."""
    text, _ = _parted(text)
    text += "" if text.endswith("\n") else "\n"
    return f"{text}{MARK}{_digest(text)}\n"


def read_sealed(path: Path, must: bool = True) -> str:
    """The text of a file of a run: yaml, without aliases.

    Args:
        path: The file.
        must: Refuse one without a checksum, of which the end may be missing.

    Raises:
        ValueError: If it cannot be read, is no such yaml, or has been changed.
    """
    try:
        text, digest = _parted(read_text(path))
        if digest is not None and digest != _digest(text):
            raise ValueError("its content does not match its checksum")
        if must and digest is None:
            raise ValueError("it has no checksum")
        _refuse_aliases(text)
    except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read: {why_unread(error)}") from error
    return text


def refuse_bomb(path: Path) -> None:
    """Refuse yaml of somebody's that stands for more than can be looked at, before anything does.

    What is wrong in one of its lines, whoever reads it tells better.

    Raises:
        ValueError: If it does, if it contains itself, or is no text.
        OSError: As the disk says.
    """
    try:
        text = read_text(path)
        if len(text) > 10 * MOST:
            raise ValueError(f"it has {len(text)} letters, and may have {10 * MOST}")
        count = _count(yaml.compose(text, Loader=yaml.SafeLoader), {})
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text: {error.reason}") from error
    except yaml.MarkedYAMLError:
        return
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read: {why_unread(error)}") from error
    if count > MOST:
        raise ValueError(f"{path} stands for {count:.3g} values by its aliases: at most {MOST}")


def _refuse_aliases(text: str) -> None:
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise ValueError(f"it has an alias, *{event.anchor}, which rnnlab writes none of")


def _count(node: Any, known: dict[int, int]) -> int:
    """The values that a node stands for, each alias in full."""
    if id(node) not in known:
        if node is None or isinstance(node, yaml.ScalarNode):
            return 1
        known[id(node)] = MOST**2  # where it contains itself
        pairs = isinstance(node, yaml.MappingNode)
        parts = [part for pair in node.value for part in pair] if pairs else node.value
        known[id(node)] = 1 + sum(_count(part, known) for part in parts)
    return known[id(node)]


def _parted(text: str) -> tuple[str, str | None]:
    """A file's text, and the checksum that ends it, if one does."""
    start, mark, digest = text.rpartition(MARK)
    if not mark or not digest.endswith("\n") or "\n" in digest[:-1]:
        return text, None
    return start, digest[:-1]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class _WithoutAliases(yaml.SafeDumper):
    """Writes out what occurs twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True
