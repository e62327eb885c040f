"""The random permutation problem, as posed by Pascanu et al. (2013)."""

import math
from dataclasses import dataclass, replace
from typing import Self

import torch

from rnnlab.foundation.checks import check_int
from rnnlab.tasks.batch import Batch
from rnnlab.tasks.classes import Classes
from rnnlab.tasks.draws import Draws
from rnnlab.tasks.one_hot import one_hot


@dataclass(frozen=True)
class Permutation(Classes):
    """Tell the last symbol, which is the first, after many random ones (Pascanu et al., 2013).

        1 47 3 88 12 3  ->  1       seq_len=6, num_symbols=100

    A sequence begins and ends with the same symbol, 0 or 1. Those between are drawn from 2 to
    num_symbols - 1, each by itself; so, in spite of the problem's name, a symbol may come twice.
    All but the last are shown, and the last is told: class 0 or 1 of num_symbols. This is the
    authors' code; Martens & Sutskever (2011) have the next symbol predicted at every step, of which
    no other than the last can be known.

    Inputs are one-hot, (batch, seq_len, num_symbols); outputs (batch, 1, num_symbols); targets
    class numbers, (batch, 1). The loss is the cross-entropy. Chance knows that the last symbol is 0
    or 1, and is ln 2; half of its guesses are wrong. A sequence is wrong where its class is.

    Args:
        seq_len: Symbols shown, at least 2.
        num_symbols: At least 3.

    Raises:
        ValueError: An argument is no whole number, or too small.
    """

    seq_len: int = 50  # pyrefly: ignore[bad-override]
    num_symbols: int = 100

    def __post_init__(self) -> None:
        check_int("seq_len", self.seq_len, 2)
        check_int("num_symbols", self.num_symbols, 3)

    @property
    def input_size(self) -> int:
        return self.num_symbols

    @property
    def output_size(self) -> int:
        return self.num_symbols

    @property
    def chance(self) -> float:
        return math.log(2)

    @property
    def chance_error(self) -> float:
        return 0.5

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple(map(str, range(self.num_symbols)))

    def sample(self, draws: Draws) -> Batch:
        first = draws.integers(0, 2, 1)
        between = draws.integers(2, self.num_symbols, self.seq_len - 1)
        shown = torch.cat([first, between], dim=1)
        return Batch(one_hot(shown, self.num_symbols), first)

    def at_length(self, seq_len: int) -> Self:
        return replace(self, seq_len=seq_len)
