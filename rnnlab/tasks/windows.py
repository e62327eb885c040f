"""Windows of one long sequence, as a text: three parts of it, cut into sequences of equal length."""

from dataclasses import dataclass

import numpy as np

from rnnlab.tasks.draws import Draws

FEWEST = 2
"""Windows in a part, so that a mean over them has an interval."""


@dataclass(frozen=True)
class Windows:
    """Where the windows of a long sequence begin; each has `seq_len` steps, and one more as its last answer.

    The parts lie one behind the other, so that no step is in two of them: first training, then
    validation, then test. For example 40 steps in shares of 50, 25 and 25 %, with seq_len=4:

        steps 0 to 19   train  4 windows, which begin at a step of each epoch's own within 0-3, 4-7, 8-11, 12-15
        steps 20 to 29  val    2 windows: steps 20-23 with the answers 21-24, steps 24-27 with 25-28
        steps 30 to 39  test   2 windows: 30-33 with 31-34, 34-37 with 35-38

    A window answers each of its steps with the next one. So the first step of a part is never an answer, and
    what is left behind its last whole window (29 and 39 here) is left out.

    Training windows in order lie side by side: all begin at the same step within 0-3, 4-7 and so on, which is each
    pass's own. So in batches of two, row 0 reads the first two windows one after another, and row 1 the last two.

    Args:
        total: Steps in all.
        seq_len: Steps of a window.
        shares: Per cent of the steps in training and in validation; the rest is the test's.

    Raises:
        ValueError: A part has fewer than two windows; that names `seq_len`.
    """

    total: int
    seq_len: int
    shares: tuple[int, int]

    def __post_init__(self) -> None:
        for split in ("train", "val", "test"):
            if self.count(split) < FEWEST:
                raise ValueError(
                    f"seq_len={self.seq_len} is too long for {self.total} steps, of which "
                    f"{split} has {len(self.steps(split))}: at least two windows fit into each part"
                )

    def steps(self, split: str) -> range:
        """The steps of a part."""
        train, val = self.shares
        first = self.total * train // 100
        second = self.total * (train + val) // 100
        return {
            "train": range(first),
            "val": range(first, second),
            "test": range(second, self.total),
        }[split]

    def count(self, split: str) -> int:
        """How many windows a part has."""
        steps = len(self.steps(split))
        if split == "train":  # room for the last one to begin seq_len - 1 steps later
            return max(0, steps // self.seq_len - 1)
        return max(0, steps - 1) // self.seq_len

    def answers(self, split: str) -> range:
        """The steps that windows side by side are asked for."""
        first = self.steps(split).start + 1
        return range(first, first + self.count(split) * self.seq_len)

    def starts(self, draws: Draws) -> np.ndarray:
        """The first step of each sequence's window, (sequences,)."""
        count = self.count(draws.split)
        places = draws.examples(count).numpy() * self.seq_len
        if draws.stream == "train":
            places = places + draws.shifts(self.seq_len, count)
        return self.steps(draws.split).start + places
