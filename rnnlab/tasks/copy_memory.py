"""The copy memory problem of Hochreiter & Schmidhuber (1997), as posed by Arjovsky et al. (2016)."""

import math
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import torch
from torch import Tensor
from torch.nn import functional as F

from rnnlab.foundation.checks import check_int
from rnnlab.kernels.cross_entropy import cross_entropy
from rnnlab.tasks.draws import Draws
from rnnlab.tasks.task import Batch, Task

BLANK = 0


@dataclass(frozen=True)
class CopyMemory(Task):
    """Hold some symbols over a delay and repeat them when told to (Arjovsky et al., 2016).

        input   3 1 2 . . . . ! . . .
        target  . . . . . . . . 3 1 2      delay=5, num_symbols=3, copy_len=3

    Of num_symbols + 2 one-hot inputs, 0 is the blank (.), 1 to num_symbols are the symbols and the
    last is the marker (!). `copy_len` random symbols are followed by delay - 1 blanks, the marker
    and `copy_len` blanks. The target is blank but for the last `copy_len` steps; its first symbol
    is due one step AFTER the marker (some code asks for it at the marker, which is not this task).

    Inputs are (batch, seq_len, num_symbols + 2), with seq_len = delay + 2 copy_len; outputs are
    (batch, seq_len, num_symbols + 1), as the marker is never an answer; targets are class numbers,
    (batch, seq_len).

    The loss is the mean cross-entropy over all steps, so chance, which knows when to be blank and
    guesses the symbols, is copy_len ln(num_symbols) / seq_len. Answering blank throughout is right
    at most steps and worth nothing; so the scores look at the last `copy_len` steps alone: `recall`
    is the fraction of symbols that are right, `exact_match` is 1 where all are. A sequence is wrong
    without an exact match. The paper reports the loss alone.

    Args:
        delay: Steps from the last symbol to the marker; a symbol is held for delay + copy_len steps.
        num_symbols: At least 2.
        copy_len: Symbols to hold.

    Raises:
        ValueError: An argument is no whole number, or is below 1 (`num_symbols`: 2).
    """

    length_key: ClassVar[str] = "delay"

    delay: int = 100
    num_symbols: int = 8
    copy_len: int = 10

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

    @property
    def chance_accuracy(self) -> float:
        """Of the repeated symbols."""
        return 1 / self.num_symbols

    @property
    def class_names(self) -> tuple[str, ...]:
        return "blank", *map(str, range(1, self.num_symbols + 1))

    def probabilities(self, outputs: Tensor) -> Tensor:
        return outputs.softmax(dim=-1)

    def sample(self, draws: Draws) -> Batch:
        symbols = draws.integers(1, self.num_symbols + 1, self.copy_len)
        shown = torch.full((draws.sequences, self.seq_len), BLANK, device=draws.device)
        targets = shown.clone()
        shown[:, : self.copy_len] = symbols
        shown[:, -self.copy_len - 1] = self.num_symbols + 1  # the marker
        targets[:, -self.copy_len :] = symbols
        # The rows of the unit matrix, looked up in half the time that one-hot numbers take to be set.
        return Batch(F.embedding(shown, torch.eye(self.input_size, device=draws.device)), targets)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return cross_entropy(outputs, targets)

    def errors(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return ~self._recalled(outputs, targets).all(dim=1)

    def scores(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        recalled = self._recalled(outputs, targets)
        return {
            "recall": recalled.float().mean(dim=1),
            "exact_match": recalled.all(dim=1).float(),
        }

    def off_by(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Of the probability of each class at the last `copy_len` steps."""
        outputs, targets = outputs[:, -self.copy_len :], targets[:, -self.copy_len :]
        return outputs.softmax(dim=2) - F.one_hot(targets, self.output_size)

    def position_errors(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return ~self._recalled(outputs, targets)

    def _recalled(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Which of the symbols are right; bools, (batch, copy_len)."""
        outputs, targets = outputs[:, -self.copy_len :], targets[:, -self.copy_len :]
        # argmax takes a NaN for the largest, which may happen to stand at the right class.
        return (outputs.argmax(dim=2) == targets) & ~outputs.isnan().any(dim=2)

    def at_length(self, seq_len: int) -> Self:
        check_int("seq_len", seq_len, 1)
        shortest = 2 * self.copy_len + 1
        if seq_len < shortest:
            raise ValueError(
                f"seq_len={seq_len} is too short for copy_len={self.copy_len}: at least {shortest}"
            )
        return replace(self, delay=seq_len - 2 * self.copy_len)
