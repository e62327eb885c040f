"""The copy memory problem of Hochreiter & Schmidhuber (1997), as posed by Arjovsky et al. (2016)."""

from dataclasses import dataclass

import torch

from rnnlab.tasks.batch import Batch
from rnnlab.tasks.delayed_recall import DelayedRecall
from rnnlab.tasks.draws import Draws
from rnnlab.tasks.one_hot import one_hot

BLANK = 0


@dataclass(frozen=True)
class CopyMemory(DelayedRecall):
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

    @property
    def class_names(self) -> tuple[str, ...]:
        return "blank", *map(str, range(1, self.num_symbols + 1))

    def sample(self, draws: Draws) -> Batch:
        symbols = draws.integers(1, self.num_symbols + 1, self.copy_len)
        shown = torch.full((draws.sequences, self.seq_len), BLANK, device=draws.device)
        targets = shown.clone()
        shown[:, : self.copy_len] = symbols
        shown[:, -self.copy_len - 1] = self.num_symbols + 1  # the marker
        targets[:, -self.copy_len :] = symbols
        return Batch(one_hot(shown, self.input_size), targets)
