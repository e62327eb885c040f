"""The denoising problem of Jing et al. (2017)."""

from dataclasses import dataclass

from torch import Tensor

from rnnlab.tasks.batch import Batch
from rnnlab.tasks.delayed_recall import DelayedRecall
from rnnlab.tasks.draws import Draws
from rnnlab.tasks.one_hot import one_hot
from rnnlab.tasks.recall import scattered


@dataclass(frozen=True)
class Denoise(DelayedRecall):
    """Pick symbols out of noise and repeat them when told to (Jing et al., 2017).

        input   . 3 . . 1 2 . ! . . .
        target  . . . . . . . . 3 1 2      delay=5, num_symbols=3, copy_len=3

    Of num_symbols + 2 one-hot inputs, 0 is the noise (.), 1 to num_symbols are the symbols and the
    last is the marker (!). `copy_len` random symbols stand, in order, at different ones of the
    first delay + copy_len - 1 steps, all choices of which are equally likely; then come the marker
    and `copy_len` steps of noise. The target is noise but for the last `copy_len` steps; its first
    symbol is due one step after the marker.

    As the problem is meant, no symbol stands where another does. The authors' code draws the steps
    with repetition, so that some symbols are overwritten and cannot be known, and gives the marker
    no input of its own.

    Inputs are (batch, seq_len, num_symbols + 2), with seq_len = delay + 2 copy_len; outputs are
    (batch, seq_len, num_symbols + 1), as the marker is never an answer; targets are class numbers,
    (batch, seq_len).

    The loss is the mean cross-entropy over all steps, so chance, which knows when there is noise
    and guesses the symbols, is copy_len ln(num_symbols) / seq_len. `recall` is the fraction of
    symbols that are right, `exact_match` is 1 where all are; a sequence is wrong without. Chance
    guesses all rightly with probability num_symbols^-copy_len. The paper reports the loss alone.

    Args:
        delay: T of the paper, which has 200.
        num_symbols: At least 2.
        copy_len: Symbols to find.

    Raises:
        ValueError: An argument is no whole number, or is below 1 (`num_symbols`: 2).
    """

    num_symbols: int = 9

    @property
    def class_names(self) -> tuple[str, ...]:
        return "noise", *map(str, range(1, self.num_symbols + 1))

    def sample(self, draws: Draws) -> Batch:
        symbols = draws.integers(1, self.num_symbols + 1, self.copy_len)
        noisy = self.delay + self.copy_len - 1
        shown = symbols.new_zeros(draws.sequences, self.seq_len)
        targets = shown.clone()
        shown[:, :noisy] = scattered(symbols, noisy, draws)
        shown[:, noisy] = self.num_symbols + 1  # the marker
        targets[:, -self.copy_len :] = symbols
        return Batch(one_hot(shown, self.input_size), targets)

    def lags(self, batch: Batch) -> Tensor:
        return self.seq_len - 1 - (batch.inputs[:, :, 0] == 0).int().argmax(dim=1)
