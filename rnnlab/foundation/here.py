"""Where the user stood: relative paths are taken from there, whatever the working directory becomes.

`hydra.job.chdir=true` makes it the run's own folder while the run is at work.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_stood: list[Path] = []


def here() -> Path:
    """The folder in which the command was typed."""
    return _stood[-1] if _stood else Path.cwd()


@contextmanager
def standing_in(folder: Path) -> Iterator[None]:
    """For a while, the folder in which the command was typed is this one."""
    _stood.append(folder)
    try:
        yield
    finally:
        _stood.pop()
