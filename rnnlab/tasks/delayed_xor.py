"""The delayed XOR problem of Engelken (2023), as his code for gradient flossing poses it."""

from dataclasses import dataclass

from rnnlab.foundation.checks import check_int
from rnnlab.tasks.batch import Batch
from rnnlab.tasks.bit_stream import BitStream, parity
from rnnlab.tasks.draws import Draws


@dataclass(frozen=True)
class DelayedXOR(BitStream):
    """Tell at every step the exclusive or of two bits that came before (Engelken, 2023).

        input   1 0 1 1 1 0 1
        target          0 1 0      delay=2, num_answers=3: at step 4 inputs 2 and 0, 1 xor 1 = 0

    With d for `delay` and s_t for random bits, the target is s_{t-d} xor s_{t-2d}; with more
    `levels` it is the exclusive or of the 2^levels bits s_{t-d}, s_{t-2d}, ..., s_{t-2^levels d},
    which the code makes by levels. Steps count from 0, and answered are those from 2^levels d on,
    where all the bits have been shown; the code begins one step earlier, where one has not.

    Inputs are 0 or 1, (batch, seq_len, 1), with seq_len = 2^levels d + num_answers; targets are
    (batch, num_answers, 1). The paper's example has d=10 and seq_len=300.

    Args:
        delay: d, at least 1.
        num_answers: Steps that are answered, at least 1.
        levels: 1 to 10.

    Raises:
        ValueError: An argument is no whole number, or too small.
    """

    levels: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        check_int("levels", self.levels, 1, 10)

    @property
    def longest_lag(self) -> int:
        return self.delay * 2**self.levels

    def sample(self, draws: Draws) -> Batch:
        bits = draws.integers(0, 2, self.seq_len)
        lags = range(self.delay, self.longest_lag + 1, self.delay)
        targets = parity(bits, lags, self.num_answers)
        return Batch(bits.unsqueeze(2).float(), targets.unsqueeze(2).float())
