"""Files that are there whole or not at all, whatever becomes of the process or the disk."""

import errno
import logging
import os
import secrets
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)


def write_bytes(path: Path, data: bytes, keep: Path | None = None, sync: bool = True) -> None:
    """Write beside `path`, have the disk take it, and rename.

    Args:
        path: The file.
        data: Its content.
        keep: The name under which what `path` held before stays; by default it goes.
        sync: Have the disk take the name too; False where `sync_folder` follows, for several at once.

    Raises:
        OSError: As the disk says; `path` is as it was.
    """
    # A new file of a name that nobody can have made a link of beforehand.
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with beside.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if keep is not None and path.exists():
            path.replace(keep)
        beside.replace(path)
        if sync:
            sync_folder(path.parent)
    finally:
        beside.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Have the disk take the new names in it, where the system lets folders be opened."""
    with suppress(PermissionError):
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def write_text(path: Path, text: str) -> None:
    """The same, of text."""
    write_bytes(path, text.encode("utf-8"))


def read_bytes(path: Path) -> bytes:
    """What a file holds; a pipe or a device, which might never end, is none.

    Raises:
        OSError: As the disk says, or where it is no file.
    """
    # A pipe would otherwise be opened once somebody writes to it.
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:  # noqa: PTH123
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file", str(path))
        try:
            return file.read()
        except MemoryError as error:
            raise OSError(errno.ENOMEM, "it does not fit into memory", str(path)) from error


def read_text(path: Path) -> str:
    """The same, of text.

    Raises:
        OSError: As `read_bytes` does.
        UnicodeDecodeError: If it is no UTF-8.
    """
    return read_bytes(path).decode("utf-8")


def why_unread(error: Exception) -> str:
    """Why a file cannot be read, in a line that need not name it again."""
    return getattr(error, "strerror", None) or " ".join(str(error).split())


def try_to_write(write: Callable[[], object]) -> None:
    """Have something written, or tell in a line why it was not: a full disk ends no run."""
    try:
        write()
    except OSError as error:
        log.warning("not written: %s", error)
