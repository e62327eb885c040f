"""Whether a process is at work in a folder: a lock that goes with the process, however it ends."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

FILE = ".lock"


class AtWorkError(ValueError):
    """Another process is at work in a folder."""


@contextmanager
def at_work(folder: Path) -> Iterator[None]:
    """Keep a folder to this process.

    Raises:
        AtWorkError: If another is at work in it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / FILE)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise AtWorkError(f"{folder}: a process is at work in it") from error
    try:
        yield
    finally:
        lock.release()
