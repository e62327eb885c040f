"""A folder that one process keeps to itself: a lock that goes with the process, however it ends."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from rnnlab.foundation.run_folder import TrackedFolder


class FolderLockedError(ValueError):
    """Another process is at work in a folder."""


def lock(folder: Path) -> FileLock:
    """Keep a folder to this process, until the lock is released.

    Raises:
        FolderLockedError: If another is at work in it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file_lock = FileLock(TrackedFolder(folder).lock)
    try:
        file_lock.acquire(timeout=0)
    except Timeout as error:
        raise FolderLockedError(f"{folder}: a process is at work in it") from error
    return file_lock


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep a folder to this process for a while; raises as `lock` does."""
    file_lock = lock(folder)
    try:
        yield
    finally:
        file_lock.release()
