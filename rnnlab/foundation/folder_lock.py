"""Whether a process is at work in a folder: a lock that goes with the process, however it ends."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

FILE = ".lock"


class AtWorkError(ValueError):
    """Another process is at work in a folder."""


def taken(folder: Path) -> FileLock:
    """Keep a folder to this process, until the lock is released.

    Raises:
        AtWorkError: If another is at work in it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / FILE)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise AtWorkError(f"{folder}: a process is at work in it") from error
    return lock


@contextmanager
def at_work(folder: Path) -> Iterator[None]:
    """Keep a folder to this process for a while; raises as `taken` does."""
    lock = taken(folder)
    try:
        yield
    finally:
        lock.release()
