"""The arrays of a diagnostic over a run: one .npz, a row for each look."""

import io
from collections.abc import Mapping
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from rnnlab.diagnostics.diagnostic import Arrays
from rnnlab.foundation.files import write_bytes

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
        self.rows: dict[str, np.ndarray] = {}
        self.written = True
        try:
            if path.exists():
                with path.open("rb") as file, np.load(file) as arrays:
                    self.rows = dict(arrays)
        except (OSError, EOFError, ValueError, BadZipFile) as error:
            raise ValueError(f"{path} cannot be read: {error}") from error

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

    def write(self) -> None:
        """All looks so far, unless the file has them.

        Raises:
            OSError: As the disk says; the file is as it was.
        """
        if self.written:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = io.BytesIO()
        np.savez(file, **self.rows)  # pyrefly: ignore[bad-argument-type]
        write_bytes(self.path, file.getvalue())
        self.written = True

    def row(self, look: int) -> Arrays:
        """The arrays of one look: 0 is the first, -1 the last."""
        return {name: rows[look] for name, rows in self.rows.items() if name != UPDATES}
