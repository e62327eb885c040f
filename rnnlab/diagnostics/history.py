"""The arrays of a diagnostic over a run: one .npz, a row for each look."""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from rnnlab.diagnostics.diagnostic import Arrays

UPDATES = "updates"  # optimizer updates behind each look


class History:
    """Each array with a leading dimension for the looks, in the order of `updates`.

    >>> dict(np.load("diagnostics/lyapunov.npz"))
    {"updates": array([0, 100]), "exponents": array([[-0.4, -0.6], [-0.1, -0.3]])}
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: dict[str, np.ndarray] = {}
        if path.exists():
            with np.load(path) as file:
                self.rows = dict(file)

    def add(self, updates: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Write a look down; after a resume, the looks that are repeated replace the earlier."""
        row = {UPDATES: np.array(updates), **arrays}
        earlier = self.rows.get(UPDATES, np.array([], dtype=int)) < updates
        self.rows = {
            name: np.concatenate([self.rows[name][earlier], array[None]])
            if name in self.rows
            else array[None]
            for name, array in row.items()
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        with beside.open("wb") as file:
            np.savez(file, **self.rows)  # pyrefly: ignore[bad-argument-type]
        beside.replace(self.path)

    def row(self, look: int) -> Arrays:
        """The arrays of one look: 0 is the first, -1 the last."""
        return {name: rows[look] for name, rows in self.rows.items() if name != UPDATES}
