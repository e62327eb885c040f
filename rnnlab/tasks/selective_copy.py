"""The selective copying problem of Gu & Dao (2023)."""

import math
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import torch
from torch import Tensor

from rnnlab.foundation.checks import check_int
from rnnlab.tasks.batch import Batch
from rnnlab.tasks.draws import Draws
from rnnlab.tasks.one_hot import one_hot
from rnnlab.tasks.recall import Recall, scattered


@dataclass(frozen=True)
class SelectiveCopy(Recall):
    """Pick symbols out of noise and repeat them at the markers (Gu & Dao, 2023).

        input   . 3 . . 1 2 . ! ! !
        target                3 1 2      context_len=7, num_symbols=3, copy_len=3

    Of num_symbols + 2 one-hot inputs, 0 is the noise (.), 1 to num_symbols are the symbols and the
    last is the marker (!). `copy_len` random symbols stand, in order, at different ones of the
    first `context_len` steps, all choices of which are equally likely; then come `copy_len`
    markers, and a symbol is due at each. This is how the authors' code for S4 makes the sequences.
    The paper has context_len=4096, 16 symbols to copy and a vocabulary of 16, noise included; that
    code counts the marker in it as well, which leaves num_symbols=14.

    Inputs are (batch, seq_len, num_symbols + 2), with seq_len = context_len + copy_len; outputs are
    (batch, copy_len, num_symbols), class c for symbol c + 1; targets are class numbers, (batch,
    copy_len).

    The loss is the mean cross-entropy over the markers, so chance is ln(num_symbols). `recall` is
    the fraction of symbols that are right, which is the accuracy that the paper reports;
    `exact_match` is 1 where all are, and a sequence is wrong without. Chance guesses all rightly
    with probability num_symbols^-copy_len.

    Args:
        context_len: Steps among which the symbols stand, at least `copy_len`.
        num_symbols: At least 2.
        copy_len: Symbols to find.

    Raises:
        ValueError: An argument is no whole number, or too small.
    """

    length_key: ClassVar[str] = "context_len"

    context_len: int = 64
    num_symbols: int = 14  # pyrefly: ignore[bad-override]
    copy_len: int = 8  # pyrefly: ignore[bad-override]

    def __post_init__(self) -> None:
        check_int("num_symbols", self.num_symbols, 2)
        check_int("copy_len", self.copy_len, 1)
        check_int("context_len", self.context_len, 1)
        if self.context_len < self.copy_len:
            raise ValueError(
                f"context_len={self.context_len} is too short for copy_len={self.copy_len}: "
                f"at least {self.copy_len}"
            )

    @property
    def seq_len(self) -> int:  # pyrefly: ignore[bad-override]
        return self.context_len + self.copy_len

    @property
    def input_size(self) -> int:
        return self.num_symbols + 2

    @property
    def output_size(self) -> int:
        return self.num_symbols

    @property
    def chance(self) -> float:
        return math.log(self.num_symbols)

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple(map(str, range(1, self.num_symbols + 1)))

    def sample(self, draws: Draws) -> Batch:
        targets = draws.integers(0, self.num_symbols, self.copy_len)
        context = scattered(targets + 1, self.context_len, draws)
        shown = torch.cat([context, torch.full_like(targets, self.num_symbols + 1)], dim=1)
        return Batch(one_hot(shown, self.input_size), targets)

    def lags(self, batch: Batch) -> Tensor:
        return self.seq_len - 1 - (batch.inputs[:, :, 0] == 0).int().argmax(dim=1)

    def at_length(self, seq_len: int) -> Self:
        check_int("seq_len", seq_len, 1)
        shortest = 2 * self.copy_len
        if seq_len < shortest:
            raise ValueError(
                f"seq_len={seq_len} is too short for copy_len={self.copy_len}: at least {shortest}"
            )
        return replace(self, context_len=seq_len - self.copy_len)
