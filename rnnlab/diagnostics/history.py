"""The arrays of a diagnostic over a run: one .npz, a row for each look."""

import io
from collections.abc import Mapping
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile

import numpy as np

from rnnlab.diagnostics.diagnostic import Arrays
from rnnlab.foundation.files import read_bytes, why_unread, write_bytes

UPDATES = "updates"  # optimizer updates behind each look


class History:
    """Each array with a leading dimension for the looks, in the order of `updates`.

    >>> dict(np.load("diagnostics/lyapunov.npz"))
    {"updates": array([0, 100]), "exponents": array([[-0.4, -0.6], [-0.1, -0.3]])}

    Raises:
        ValueError: If there is a file at `path` that cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.rows = read_history(path) if path.exists() else {}
        except ValueError as error:
            raise ValueError(f"{error}\nMove it away to go on without what it has") from error
        self.written = True

    def add(self, updates: int, arrays: Mapping[str, np.ndarray]) -> None:
        """One look more; after a resume, the looks that are repeated replace the earlier."""
        row = {UPDATES: np.array(updates), **arrays}
        earlier = self.rows.get(UPDATES, np.array([], dtype=int)) < updates
        self.rows = {
            name: np.concatenate([self.rows[name][earlier], array[None]])
            if name in self.rows
            else array[None]
            for name, array in row.items()
        }
        self.written = False

    def forget_from(self, updates: int) -> None:
        """Drop the looks from there on, at which training has not been yet."""
        if self.rows:
            earlier = self.rows[UPDATES] < updates
            self.rows = {name: array[earlier] for name, array in self.rows.items()}
            self.written = False

    def write(self, sync: bool = True) -> None:
        """All looks so far, unless the file has them.

        Args:
            sync: As of `write_bytes`.

        Raises:
            OSError: As the disk says; the file is as it was.
        """
        if self.written:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = io.BytesIO()
        np.savez(file, **self.rows)  # pyrefly: ignore[bad-argument-type]
        write_bytes(self.path, file.getvalue(), sync=sync)
        self.written = True

    def row(self, look: int) -> Arrays:
        """The arrays of one look: 0 is the first, -1 the last."""
        return {name: rows[look] for name, rows in self.rows.items() if name != UPDATES}


def read_history(path: Path) -> dict[str, np.ndarray]:
    """The arrays of such a file, of each of which zip keeps a checksum.

    Raises:
        ValueError: If it cannot be read, is damaged, or is no such file.
    """
    try:
        file = io.BytesIO(read_bytes(path))
        with ZipFile(file) as archive:
            if any(member.compress_type != ZIP_STORED for member in archive.infolist()):
                raise ValueError("it is compressed")  # and may be far larger than it looks
            if (name := archive.testzip()) is not None:
                raise ValueError(f"{name} does not match its checksum")
        file.seek(0)
        with np.load(file) as arrays:
            rows = dict(arrays)
        _check_looks(rows)
    except Exception as error:  # of zip's, numpy's and the memory's there are many
        raise ValueError(f"{path} cannot be read: {why_unread(error)}") from error
    return rows


def _check_looks(rows: Mapping[str, np.ndarray]) -> None:
    updates = rows.get(UPDATES)
    if updates is None or updates.ndim != 1 or updates.dtype.kind != "i":
        raise ValueError(f"{UPDATES} is no list of whole numbers")
    for name, array in rows.items():
        if array.shape[:1] != updates.shape:
            raise ValueError(f"{name} has not a row for each of {UPDATES}")
