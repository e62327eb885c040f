"""Training examples in order, where each row of the batches reads a stretch of its own."""

from dataclasses import dataclass

import numpy as np

from rnnlab.tasks.philox import order


@dataclass(frozen=True)
class Tracks:
    """n examples cut into as many tracks of n // rows as a batch has rows; row r reads track r in order.

    All come to their ends at the same batch and begin again: each time is a pass. With two rows, n = 7:

        row 0   examples 0 1 2, 0 1 2, ...
        row 1   examples 3 4 5, 3 4 5, ...      example 6 is left out

    Args:
        seed: Which world.
        rows: Of a batch.
    """

    seed: int
    rows: int

    def length(self, n: int) -> int:
        """Examples of a track.

        Raises:
            ValueError: If there is none for each row.
        """
        if n < self.rows:
            raise ValueError(f"{n} examples make no tracks for batch_size={self.rows} rows")
        return n // self.rows

    def examples(self, places: np.ndarray, n: int) -> np.ndarray:
        """Which of n examples each sequence is, from its place in the row of all batches."""
        batches, rows = np.divmod(places, self.rows)
        length = self.length(n)
        return rows * length + batches % length

    def shifts(self, places: np.ndarray, n: int, high: int) -> np.ndarray:
        """A number from 0 to `high` - 1 for each sequence: a function of (seed, pass), the same for all of a pass."""
        passes = places // self.rows // self.length(n)
        found = np.empty_like(passes)
        for each in np.unique(passes):
            found[passes == each] = order(self.seed, "epoch", int(each), high)[0]
        return found
