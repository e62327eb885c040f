"""The 2-sequence problem of Bengio et al. (1994), as Hochreiter & Schmidhuber (1997) pose it."""

from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import torch
from torch import Tensor

from rnnlab.foundation.checks import check_choice, check_int
from rnnlab.tasks.batch import Batch
from rnnlab.tasks.draws import Draws
from rnnlab.tasks.task import Task

VARIANCE = 0.2  # of the noise in the inputs


class _NoisyProtocol(NamedTuple):
    """What the three tasks differ in."""

    expected: tuple[float, float]  # The target of class 1, and of class 2.
    solved_below: float
    tolerance: float
    strict: bool  # Whether a sequence that is off by the tolerance itself is wrong.
    noisy_signal: bool = False
    variance: float = 0.0  # of the noise on the target


PROTOCOLS = {
    # The rates are the paper's: none of 256 sequences wrong, or fewer than 6.
    "3a": _NoisyProtocol(expected=(1.0, 0.0), solved_below=1 / 256, tolerance=0.2, strict=True),
    "3b": _NoisyProtocol(
        expected=(1.0, 0.0), solved_below=6 / 256, tolerance=0.2, strict=True, noisy_signal=True
    ),
    "3c": _NoisyProtocol(
        expected=(0.2, 0.8), solved_below=1 / 256, tolerance=0.1, strict=False, variance=0.1
    ),
}


@dataclass(frozen=True)
class NoisyTwoSequence(Task):
    """Tell after much noise how a sequence began, with 1 or -1 (Hochreiter & Schmidhuber, 1997).

        1.0  1.0  1.0  0.2 -0.5  0.1  0.7  ...  ->  class 1, 1.0      signal_len=3, variant=3a

    The two classes are as likely. The first `signal_len` numbers are 1.0 for class 1, and -1.0 for
    class 2; the others are normal of mean 0 and variance 0.2. T stands for `seq_len`; the length of
    a sequence is uniform in T <= l <= 1.1 T and shared by the batch. `variant` is the task of the
    paper's third experiment:

    - 3a: the target is 1.0 for class 1, 0.0 for class 2.
    - 3b: the same, and noise of mean 0 and variance 0.2 is added to the first numbers, too.
    - 3c: as 3a, but the target is 0.2 for class 1 and 0.8 for class 2, and has noise of mean 0 and
      variance 0.1, so that what is to be learnt is its expectation.

    Inputs are (batch, l, 1); targets (batch, 1, 2), the number that is trained on and its
    expectation, which differ in 3c alone; outputs, (batch, 1, 1), pass a logistic function. The
    loss is the squared error.

    A sequence is wrong where the answer is off the expectation by 0.2 or more, in 3c by more than
    0.1. `distance` is how far it is off; the paper has a mean of 0.012 to 0.014 in 3c. In 3b noise
    may turn the signal over, and no answer is always right.

    The task counts as solved with fewer than 1 of 256 sequences wrong, in 3b fewer than 6.

    Chance answers 1/2: 1/4, and in 3c 0.3^2 + 0.1 = 0.19, of which 0.1 stays however well the
    expectation is told. It is off by more than is allowed: all its answers are wrong.

    Args:
        seq_len: T, at least 2 and above `signal_len`. The paper has 100 and 1000.
        signal_len: N of the paper, which has 1 and 3; at least 1.
        variant: 3a, 3b or 3c.

    Raises:
        ValueError: `variant` is none of these, or an argument is no whole number or out of its
            range.
    """

    seq_len: int = 100  # pyrefly: ignore[bad-override]
    signal_len: int = 3
    variant: str = "3a"

    def __post_init__(self) -> None:
        check_choice("variant", self.variant, PROTOCOLS)
        check_int("signal_len", self.signal_len, 1)
        check_int("seq_len", self.seq_len, 1)
        if self.seq_len <= self.signal_len:
            raise ValueError(
                f"seq_len={self.seq_len} is too short for signal_len={self.signal_len}: "
                f"at least {self.signal_len + 1}"
            )

    @property
    def _protocol(self) -> _NoisyProtocol:
        return PROTOCOLS[self.variant]

    @property
    def input_size(self) -> int:
        return 1

    @property
    def output_size(self) -> int:
        return 1

    @property
    def solved_below(self) -> float:  # pyrefly: ignore[bad-override]
        return self._protocol.solved_below

    @property
    def chance(self) -> float:
        first, second = self._protocol.expected
        return ((first - second) / 2) ** 2 + self._protocol.variance

    @property
    def chance_error(self) -> float:
        return 1.0

    def sample(self, draws: Draws) -> Batch:
        protocol = self._protocol
        length = draws.length(self.seq_len, 11 * self.seq_len // 10 + 1)
        second = draws.integers(0, 2, 1)
        numbers = draws.normal(length).mul_(VARIANCE**0.5)
        if not protocol.noisy_signal:
            numbers[:, : self.signal_len] = 0.0
        numbers[:, : self.signal_len] += 1 - 2 * second
        expected = torch.tensor(protocol.expected, device=draws.device)[second]
        told = expected
        if protocol.variance:
            told = expected + draws.normal(1).mul_(protocol.variance**0.5)
        return Batch(numbers.unsqueeze(2), torch.stack([told, expected], dim=2))

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return (outputs.sigmoid() - targets[..., :1]).square().mean()

    def errors(self, outputs: Tensor, targets: Tensor) -> Tensor:
        protocol, distance = self._protocol, self._distance(outputs, targets)
        if protocol.strict:
            return ~(distance < protocol.tolerance)
        return ~(distance <= protocol.tolerance)  # NaN is wrong, too

    def scores(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        return {"distance": self._distance(outputs, targets)}

    def _distance(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return self.off_by(outputs, targets).abs().flatten()

    def off_by(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return outputs.sigmoid() - targets[..., 1:]

    def lags(self, batch: Batch) -> Tensor:
        return torch.full_like(batch.inputs[:, 0, 0], batch.inputs.size(1) - 1, dtype=torch.int64)

    def at_length(self, seq_len: int) -> Self:
        return replace(self, seq_len=seq_len)
