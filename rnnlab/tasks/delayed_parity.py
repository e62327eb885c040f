"""The delayed parity problem of Bertschinger & Natschläger (2004)."""

from dataclasses import dataclass, replace
from typing import ClassVar, Self

from rnnlab.foundation.checks import check_int
from rnnlab.tasks.bit_stream import BitStream, parity
from rnnlab.tasks.draws import Draws
from rnnlab.tasks.task import Batch


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
        num_bits: At least 2.
        num_answers: Steps that are answered, at least 1.

    Raises:
        ValueError: An argument is no whole number, or too small.
    """

    length_key: ClassVar[str] = "delay"

    delay: int = 10
    num_bits: int = 3
    num_answers: int = 80

    def __post_init__(self) -> None:
        check_int("delay", self.delay, 1)
        check_int("num_bits", self.num_bits, 2)
        check_int("num_answers", self.num_answers, 1)

    @property
    def _longest_lag(self) -> int:
        return self.delay + self.num_bits - 1

    @property
    def seq_len(self) -> int:  # pyrefly: ignore[bad-override]
        return self._longest_lag + self.num_answers

    def sample(self, draws: Draws) -> Batch:
        bits = draws.integers(0, 2, self.seq_len)
        targets = parity(bits, range(self.delay, self._longest_lag + 1), self.num_answers)
        return Batch((2 * bits - 1).unsqueeze(2).float(), targets.unsqueeze(2).float())

    def at_length(self, seq_len: int) -> Self:
        """With other numbers of answers: the delay is the problem itself."""
        check_int("seq_len", seq_len, 1)
        if seq_len <= self._longest_lag:
            raise ValueError(
                f"seq_len={seq_len} is too short for delay={self.delay} and "
                f"num_bits={self.num_bits}: at least {self._longest_lag + 1}"
            )
        return replace(self, num_answers=seq_len - self._longest_lag)
