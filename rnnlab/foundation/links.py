"""Links in a folder that may come from anywhere: what is written there stays in it."""

import os
from collections.abc import Iterator
from pathlib import Path

from rnnlab.foundation.run_folder import RunFolder, SweepFolder, TrackedFolder


def refuse_links(folder: TrackedFolder, pipes: bool = True) -> None:
    """See that no file or folder that is written to, as a run goes on or is delivered, leads out.

    By a link that it is, or that is on the way to it. Other links in it are nobody's business.

    Args:
        folder: A run's, or a sweep's with its jobs'.
        pipes: Refuse what is neither a file nor a folder, too.

    Raises:
        ValueError: That names one, and where it leads.
    """
    for path in _written(folder):
        if path.is_symlink():
            _refuse_outside(path, folder)
        if pipes and path.exists() and not (path.is_file() or path.is_dir()):
            raise ValueError(f"{path} is neither a file nor a folder")
    for job in _jobs(folder):
        _refuse_outside(job.path, folder)  # a link may be on the way to it
        refuse_links(job, pipes)


def _refuse_outside(path: Path, folder: TrackedFolder) -> None:
    real = os.path.realpath(path)
    if not Path(real).is_relative_to(os.path.realpath(folder.path)):
        raise ValueError(f"{path} leads to {real}: nothing is written outside {folder.path}")


def _written(folder: TrackedFolder) -> Iterator[Path]:
    """Every path of a folder that rnnlab has a name for, and all that lies below it."""
    kind = type(folder)
    values = (getattr(folder, name) for name in dir(kind) if _is_property(kind, name))
    named = [value for value in values if isinstance(value, Path)]
    for path in (*named, *folder.path.glob("*.log")):
        yield path
        if path.is_dir():
            yield from path.rglob("*")


def _jobs(folder: TrackedFolder) -> list[RunFolder]:
    """Of a sweep, those on its list: what else lies in its folder is not its own."""
    if isinstance(folder, SweepFolder) and folder.job_list.exists():
        return folder.jobs()
    return []


def _is_property(kind: type, name: str) -> bool:
    return isinstance(getattr(kind, name), property)
