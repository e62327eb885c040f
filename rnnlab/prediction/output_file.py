"""A file that is made beside its place, and put there once it is whole.

    .y.npy.3f2a91bc.part    while it is made; its writer holds a lock on it
    y.npy                   at the end

What a writer that was killed has left is not locked any longer: the next one of the same name takes it away.
"""

import fcntl
import glob
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

from rnnlab.foundation.files import sync_folder

PART = ".part"


def refuse_output(option: str, path: Path, overwrite: bool) -> None:
    """See that a file can be made.

    Raises:
        ValueError: If its folder is not there, or something of its name is.
    """
    folder = path.parent
    if not folder.is_dir():
        raise ValueError(f"{option}: there is no folder {folder}")
    if not os.access(folder, os.W_OK):
        raise ValueError(f"{option}: {folder} may not be written to")
    if os.path.lexists(path) and not path.is_file():
        raise ValueError(f"{option} is no file: choose another name")
    if path.exists() and not overwrite:
        raise ValueError(f"{option} exists: overwrite=true replaces it")


@contextmanager
def output_file(option: str, path: Path, overwrite: bool) -> Iterator[IO[bytes]]:
    """The file to be written; it gets its name at the end, unless something is raised.

    Args:
        option: What the user called it, for messages.
        path: Its place.
        overwrite: Whether it may replace a file.

    Raises:
        ValueError: As `refuse_output` does, at the beginning or at the end.
        OSError: As the disk says.
    """
    refuse_output(option, path, overwrite)
    remove_left(path)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}{PART}")
    try:
        with beside.open("x+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file
            file.flush()
            os.fsync(file.fileno())
            refuse_output(option, path, overwrite)  # somebody may have made one meanwhile
            beside.replace(path)
        sync_folder(path.parent)
    finally:
        beside.unlink(missing_ok=True)


def remove_left(path: Path) -> None:
    """Take away what killed writers of this file have left."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.{8 * '[0-9a-f]'}{PART}"):
        with suppress(OSError), ExitStack() as opened:
            descriptor = os.open(left, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
            opened.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # its writer would have it
            left.unlink()


@contextmanager
def spooled(to: IO[bytes]) -> Iterator[IO[bytes]]:
    """A file without a name for what cannot be written into a pipe as it is made; copied at the end."""
    with tempfile.TemporaryFile() as file:
        yield file
        file.seek(0)
        shutil.copyfileobj(file, to)
        to.flush()
