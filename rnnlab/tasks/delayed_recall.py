"""What problems of recall share whose length is a delay."""

import math
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from rnnlab.foundation.checks import check_int
from rnnlab.tasks.recall import Recall


@dataclass(frozen=True)
class DelayedRecall(Recall):
    """`copy_len` symbols, a delay, and `copy_len` steps at which the symbols are repeated.

    Inputs are one-hot: the symbols, the blank and the signal to repeat. Answers are a symbol or the blank, at
    every step. So chance, which knows when to be blank and guesses the symbols, is
    copy_len ln(num_symbols) / seq_len.

    Raises:
        ValueError: A field is no whole number, or is below 1 (`num_symbols`: 2).
    """

    length_key: ClassVar[str] = "delay"

    delay: int = 100
    num_symbols: int = 8  # pyrefly: ignore[bad-override]
    copy_len: int = 10  # pyrefly: ignore[bad-override]

    def __post_init__(self) -> None:
        check_int("delay", self.delay, 1)
        check_int("num_symbols", self.num_symbols, 2)
        check_int("copy_len", self.copy_len, 1)

    @property
    def seq_len(self) -> int:  # pyrefly: ignore[bad-override]
        return self.delay + 2 * self.copy_len

    @property
    def input_size(self) -> int:
        return self.num_symbols + 2

    @property
    def output_size(self) -> int:
        return self.num_symbols + 1

    @property
    def chance(self) -> float:
        return self.copy_len * math.log(self.num_symbols) / self.seq_len

    def at_length(self, seq_len: int) -> Self:
        check_int("seq_len", seq_len, 1)
        shortest = 2 * self.copy_len + 1
        if seq_len < shortest:
            raise ValueError(
                f"seq_len={seq_len} is too short for copy_len={self.copy_len}: at least {shortest}"
            )
        return replace(self, delay=seq_len - 2 * self.copy_len)
