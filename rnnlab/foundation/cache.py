"""What takes long to make, on disk for the next process: in $XDG_CACHE_HOME/rnnlab, ~/.cache/rnnlab by default.

A file is written beside and renamed, so that of two processes that write the same both are right; and it
begins with its digest, so that half a file is none. Who reads one says so by its time. Who writes one
removes what nobody has read for long, and the longest unread beyond a size. A process that has read its
file needs it no more, and one that finds it gone makes it again. Where nothing can be written or
removed, nothing is.
"""

import contextlib
import hashlib
import os
import tempfile
import time
from pathlib import Path

DIGEST = 32  # bytes
DAY = 24 * 3600.0
UNREAD = 90 * DAY
"""After which a file goes."""
ROOM = 64 * 2**20
"""Bytes of all files."""
UNFINISHED = DAY
"""After which the writer of half a file is taken to have died."""


def path_of(made_from: str) -> Path | None:
    """The file of what is made from a text; None where nobody's home is."""
    home = os.environ.get("XDG_CACHE_HOME", "")
    try:
        folder = Path(home) if Path(home).is_absolute() else Path.home() / ".cache"
    except RuntimeError:
        return None
    return folder / "rnnlab" / f"made-{hashlib.sha256(made_from.encode()).hexdigest()[:32]}.bin"


def read(path: Path | None) -> bytes | None:
    """What was written whole."""
    if path is None:
        return None
    try:
        found = path.read_bytes()
    except OSError:
        return None
    digest, content = found[:DIGEST], found[DIGEST:]
    if not content or hashlib.sha256(content).digest() != digest:
        return None
    with contextlib.suppress(OSError):
        if time.time() - path.stat().st_mtime > DAY:
            os.utime(path)
    return content


def write(path: Path | None, content: bytes) -> None:
    """Write it where that can be, and make room."""
    if path is None:
        return
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix="made-", suffix=".new", delete=False
        ) as file:
            try:
                file.write(hashlib.sha256(content).digest() + content)
                file.close()
                Path(file.name).replace(path)
            except OSError:  # no room
                Path(file.name).unlink(missing_ok=True)
                raise
        _make_room(path)


def _make_room(new: Path) -> None:
    """Remove what is too old, and of the others what was read longest ago beyond the size."""
    found = []
    for path in new.parent.glob("made-*"):
        with contextlib.suppress(OSError):  # another process has removed it
            state = path.stat()
            found.append((state.st_mtime, state.st_size, path))
    now, size = time.time(), 0
    for at, bytes_of_it, path in sorted(found, reverse=True):
        size += bytes_of_it
        unread = now - at
        goes = unread > UNFINISHED if path.suffix == ".new" else unread > UNREAD or size > ROOM
        if goes and path != new:
            with contextlib.suppress(OSError):
                path.unlink()
