"""Who is at work in a folder: a lock that goes with the process, however it ends.

    a run, a sweep    has .lock to itself, for its whole life
    a delivery        shares .lock, and has .delivery.lock to itself
    a look            shares .lock, for a moment

So whoever wants a folder to itself, and finds it shared alone, waits for those that share it: they
end by themselves. filelock, which guards a store's file, has no lock that is shared.
"""

import fcntl
import hashlib
import logging
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rnnlab.foundation.run_folder import TrackedFolder

log = logging.getLogger(__name__)

EVERY = 0.05  # seconds between two looks at whether a folder is still shared
SAID_AFTER = 2.0  # seconds

_own: dict[Path, "FileLock"] = {}
"""What this process has to itself, for which it never waits."""


class FolderLockedError(ValueError):
    """Another process is at work in a folder."""


class FileLock:
    """One file, shared or not, from now until it is released.

    Args:
        path: The file, made if it is not there.
        shared: With others that share it.

    Raises:
        BlockingIOError: If it is not to be had now.
        ValueError: If it cannot be opened, or is a link, which may lead anywhere.
    """

    def __init__(self, path: Path, shared: bool = False) -> None:
        mode = os.O_RDONLY if shared else os.O_RDWR
        try:
            self._file = os.open(
                path, mode | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o644
            )
        except OSError as error:
            raise ValueError(f"{path} cannot be locked: {error.strerror or error}") from error
        try:
            fcntl.flock(self._file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except OSError:
            os.close(self._file)
            raise

    def __enter__(self) -> "FileLock":
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        fcntl.flock(self._file, fcntl.LOCK_UN)  # a process forked meanwhile has it open, too
        os.close(self._file)


def keep(folder: Path) -> None:
    """Keep a folder to this process until `let_go_all`; one that is shared is waited for.

    Raises:
        FolderLockedError: If another process has it to itself.
    """
    path, began, said = _lock_of(folder), time.monotonic(), False
    folder.mkdir(parents=True, exist_ok=True)
    while path not in _own:
        try:
            _own[path] = FileLock(path)
        except BlockingIOError:
            refuse_at_work(folder)
            if not said and time.monotonic() - began > SAID_AFTER:
                log.warning("%s is being delivered: it is waited for", folder)
                said = True
            time.sleep(EVERY)


def keep_words(words: Iterable[str], folder: Path) -> None:
    """Keep what a command says to this process, as `keep` does a folder.

    Args:
        words: Of the command.
        folder: Where such claims lie.

    Raises:
        FolderLockedError: If another process has said the same, and is at work.
    """
    name = hashlib.sha256("\n".join(sorted(words)).encode()).hexdigest()[:16]
    path = folder / f"{name}.lock"
    folder.mkdir(parents=True, exist_ok=True)
    if path not in _own:
        try:
            _own[path] = FileLock(path)
        except BlockingIOError as error:
            raise FolderLockedError("a process is at work on the same command") from error


def let_go_all() -> None:
    """What this process has kept is anybody's again."""
    while _own:
        _own.popitem()[1].release()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep a folder to this process for a while, unless it is kept already; raises as `keep` does."""
    kept = _lock_of(folder) in _own
    keep(folder)
    try:
        yield
    finally:
        if not kept:
            _own.pop(_lock_of(folder)).release()


@contextmanager
def delivering(folder: Path) -> Iterator[None]:
    """Nobody else is at work in a folder meanwhile, or delivers it.

    Raises:
        FolderLockedError: If somebody is, or does.
    """
    with ExitStack() as held:
        try:
            if _lock_of(folder) not in _own:
                held.enter_context(FileLock(_lock_of(folder), shared=True))
            held.enter_context(FileLock(TrackedFolder(folder).delivery_lock))
        except BlockingIOError as error:
            raise _at_work(folder) from error
        yield


def refuse_at_work(folder: Path) -> None:
    """A look: nothing is made, and whoever else looks or delivers is not in its way.

    Raises:
        FolderLockedError: If another process has the folder to itself.
    """
    path = _lock_of(folder)
    if path in _own or not path.exists():
        return
    try:
        FileLock(path, shared=True).release()
    except BlockingIOError as error:
        raise _at_work(folder) from error


def _lock_of(folder: Path) -> Path:
    return TrackedFolder(folder.resolve()).lock


def _at_work(folder: Path) -> FolderLockedError:
    return FolderLockedError(f"{folder}: a process is at work in it")
