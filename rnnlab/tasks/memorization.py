"""Noiseless memorization, of Martens & Sutskever (2011), as posed by Pascanu et al. (2013)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from rnnlab.tasks.batch import Batch
from rnnlab.tasks.class_scores import mistaken
from rnnlab.tasks.delayed_recall import DelayedRecall
from rnnlab.tasks.draws import Draws
from rnnlab.tasks.one_hot import one_hot


@dataclass(frozen=True)
class Memorization(DelayedRecall):
    """Hold a pattern over a delay and repeat it from the signal on (Pascanu et al., 2013).

        input   3 1 2 . . . . ! . .
        target  . . . . . . . 3 1 2      delay=4, num_symbols=4, copy_len=3

    Of num_symbols + 2 one-hot inputs, 0 to num_symbols - 1 are the symbols, then comes the blank
    (.), and the last is the signal (!). `copy_len` random symbols are followed by `delay` blanks,
    the signal and copy_len - 1 blanks. The target is blank but for the last `copy_len` steps; its
    first symbol is due AT the signal, and not one step after it as in `copy_memory`.

    The paper has two sizes: "20 bits" are 10 symbols out of 5 (23.2 bits), num_symbols=5 and
    copy_len=10, which is its code's default and the one here; "5 bits" are 5 out of 2,
    num_symbols=2 and copy_len=5.

    Inputs are (batch, seq_len, num_symbols + 2), with seq_len = delay + 2 copy_len; outputs are
    (batch, seq_len, num_symbols + 1), as the signal is never an answer; targets are class numbers,
    (batch, seq_len).

    The loss is the mean cross-entropy over all steps, so chance, which knows when to be blank and
    guesses the symbols, is copy_len ln(num_symbols) / seq_len. As in the paper's code a sequence is
    wrong where any of its steps is, blanks too; chance guesses all symbols rightly with probability
    num_symbols^-copy_len. `recall` and `exact_match` are of the last `copy_len` steps alone.

    Args:
        delay: Blanks between the pattern and the signal; a symbol is held for delay + copy_len
            steps.
        num_symbols: At least 2.
        copy_len: Symbols in the pattern.

    Raises:
        ValueError: An argument is no whole number, or is below 1 (`num_symbols`: 2).
    """

    num_symbols: int = 5

    @property
    def class_names(self) -> tuple[str, ...]:
        return *map(str, range(self.num_symbols)), "blank"

    def sample(self, draws: Draws) -> Batch:
        symbols, blank = draws.integers(0, self.num_symbols, self.copy_len), self.num_symbols
        shown = torch.full((draws.sequences, self.seq_len), blank, device=draws.device)
        targets = shown.clone()
        shown[:, : self.copy_len] = symbols
        shown[:, -self.copy_len] = blank + 1  # the signal
        targets[:, -self.copy_len :] = symbols
        return Batch(one_hot(shown, self.input_size), targets)

    def errors(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return mistaken(outputs, targets).any(dim=1)
