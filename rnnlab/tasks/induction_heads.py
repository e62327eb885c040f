"""Induction heads: what followed a symbol when it came before (Gu & Dao, 2023)."""

import math
from dataclasses import dataclass, replace
from typing import Self

from torch import Tensor

from rnnlab.foundation.checks import check_int
from rnnlab.tasks.batch import Batch
from rnnlab.tasks.classes import Classes
from rnnlab.tasks.draws import Draws
from rnnlab.tasks.one_hot import one_hot

SHORTEST = 3  # the trigger, what follows it, and the trigger again


@dataclass(frozen=True)
class InductionHeads(Classes):
    """Tell what came after a trigger, when the trigger comes again (Gu & Dao, 2023; Olsson et al., 2022).

        input   2 0 3 ! 1 3 0 2 !      seq_len=9, num_symbols=4
        target                  1

    The trigger (!) stands once among random symbols, anywhere that a symbol follows it, and once more at the last
    step. The answer, after the last step, is the symbol that followed the first one. Gu & Dao train on 256
    steps of 16 symbols and test on up to 2^20.

    Inputs are (batch, seq_len, num_symbols + 1), one-hot, the trigger last; targets are class numbers, (batch, 1).
    The symbols are equally likely, so that chance is ln(num_symbols), and right in 1 / num_symbols.

    Args:
        seq_len: Steps, at least 3.
        num_symbols: Besides the trigger, at least 2.

    Raises:
        ValueError: One is no whole number, or too small.
    """

    seq_len: int = 64  # pyrefly: ignore[bad-override]
    num_symbols: int = 16

    def __post_init__(self) -> None:
        check_int("seq_len", self.seq_len, SHORTEST)
        check_int("num_symbols", self.num_symbols, 2)

    @property
    def input_size(self) -> int:
        return self.num_symbols + 1

    @property
    def output_size(self) -> int:
        return self.num_symbols

    @property
    def chance(self) -> float:
        return math.log(self.num_symbols)

    @property
    def chance_error(self) -> float:
        return 1 - 1 / self.num_symbols

    @property
    def answers_once(self) -> bool:
        return True

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple(map(str, range(self.num_symbols)))

    def sample(self, draws: Draws) -> Batch:
        shown = draws.integers(0, self.num_symbols, self.seq_len)
        trigger = draws.integers(0, self.seq_len - 2, 1)
        targets = shown.gather(1, trigger + 1)
        shown.scatter_(1, trigger, self.num_symbols)
        shown[:, -1] = self.num_symbols
        return Batch(one_hot(shown, self.input_size), targets)

    def lags(self, batch: Batch) -> Tensor:
        """From the first trigger to the last step."""
        return batch.inputs.size(1) - 1 - batch.inputs[:, :, -1].int().argmax(dim=1)

    def at_length(self, seq_len: int) -> Self:
        return replace(self, seq_len=seq_len)
