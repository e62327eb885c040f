"""The delayed parity problem of Bertschinger & Natschläger (2004)."""

from dataclasses import dataclass

from rnnlab.foundation.checks import check_int
from rnnlab.tasks.batch import Batch
from rnnlab.tasks.bit_stream import BitStream, parity
from rnnlab.tasks.draws import Draws


@dataclass(frozen=True)
class DelayedParity(BitStream):
    """Tell at every step the parity of bits that came before (Bertschinger & Natschläger, 2004).

        input    1 -1 -1  1  1 -1  1
        target               1  1  0      delay=2, num_bits=3, num_answers=3

    With tau for `delay` and u_t for random signs, the target is 1 where an odd number of u_{t-tau},
    u_{t-tau-1}, ..., u_{t-tau-num_bits+1} are 1. Answered are all steps from which these have been
    shown.

    Inputs are -1 or 1, (batch, seq_len, 1), with seq_len = delay + num_bits - 1 + num_answers;
    targets are 0 or 1, (batch, num_answers, 1). The paper has 3 bits, and asks how long the delay
    may be.

    Args:
        delay: tau, at least 1.
        num_answers: Steps that are answered, at least 1.
        num_bits: At least 2.

    Raises:
        ValueError: An argument is no whole number, or too small.
    """

    num_bits: int = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        check_int("num_bits", self.num_bits, 2)

    @property
    def longest_lag(self) -> int:
        return self.delay + self.num_bits - 1

    def sample(self, draws: Draws) -> Batch:
        bits = draws.integers(0, 2, self.seq_len)
        targets = parity(bits, range(self.delay, self.longest_lag + 1), self.num_answers)
        return Batch((2 * bits - 1).unsqueeze(2).float(), targets.unsqueeze(2).float())
