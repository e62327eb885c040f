"""Commands that are printed, so that a shell takes them as they stand."""

import re
import shlex
from pathlib import Path

from rnnlab.foundation.masking import masked
from rnnlab.foundation.terminal import short

_WORD = re.compile(r"[A-Za-z_].*", re.DOTALL)
_NO_WORDS = ("auto", "null", "true", "false", "nan", "inf")
_PLAIN = re.compile(r"[\w./:+@%-]+", re.ASCII)


def typed_path(path: Path | str) -> str:
    """A path as an argument, from the current folder on if it lies there."""
    value = short(path)
    return shlex.quote(f"./{value}" if value.startswith("-") else value)


def typed_override(key: str, path: Path | str) -> str:
    """An override with a path, in quotes where Hydra or a shell would read it as something else.

    A folder `2026` is `./2026`, or Hydra would read a number, and `auto` is `./auto`.
    """
    value = short(path)
    if "/" not in value and (not _WORD.fullmatch(value) or value.lower() in _NO_WORDS):
        value = f"./{value}"
    if not _PLAIN.fullmatch(value):
        # Hydra takes a backslash for itself, but for those before a quote.
        value = re.sub(
            r"(\\*)('|$)", lambda found: 2 * found[1] + found[2].replace("'", "\\'"), value
        )
        value = f"'{value}'"
    return shlex.quote(f"{key}={value}")


def typable(command: str, otherwise: str) -> str:
    """A command; `otherwise` if a secret is in it, which would be masked where it is printed."""
    return command if masked(command) == command else otherwise
