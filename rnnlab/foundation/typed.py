"""Commands that are printed, so that a shell takes them as they stand."""

import re
import shlex
from pathlib import Path

from rnnlab.foundation.masking import masked
from rnnlab.foundation.terminal import short

_PLAIN = re.compile(r"[\w./:+@%~-]+")


def typed_path(path: Path | str) -> str:
    """A path as an argument, from the current folder on if it lies there."""
    return shlex.quote(short(path))


def typed_override(key: str, path: Path | str) -> str:
    """An override with a path, in quotes where Hydra or a shell would read it as something else."""
    value = short(path)
    if not _PLAIN.fullmatch(value):
        value = "'{}'".format(value.replace("'", "\\'"))
    return shlex.quote(f"{key}={value}")


def typable(command: str, otherwise: str) -> str:
    """A command; `otherwise` if a secret is in it, which would be masked where it is printed."""
    return command if masked(command) == command else otherwise
