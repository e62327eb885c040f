"""The multiplication problem of Hochreiter & Schmidhuber (1997) and of Pascanu et al. (2013)."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import torch
from torch import Tensor

from rnnlab.foundation.checks import check_choice, check_int
from rnnlab.kernels.squared_error import squared_error
from rnnlab.tasks.draws import Draws
from rnnlab.tasks.marks import Marks, among_first_ten, early
from rnnlab.tasks.task import Batch, Task


class _MultiplicationProtocol(NamedTuple):
    """What the papers disagree about. T is `seq_len`, from which the true length is drawn."""

    marks: Marks
    shortest: int
    longest: Callable[[int], int]
    tolerance: float
    solved_below: float
    framed: bool  # The first and last marker are -1; X_1 is 1 where the first step is marked.


PROTOCOLS = {
    "pascanu2013": _MultiplicationProtocol(
        marks=early,
        shortest=10,
        longest=lambda seq_len: (11 * seq_len + 9) // 10 - 1,
        tolerance=0.2,
        solved_below=0.01,
        framed=False,
    ),
    "hochreiter1997": _MultiplicationProtocol(
        marks=among_first_ten,
        shortest=11,  # ten pairs to mark, and a last one that is never marked
        longest=lambda seq_len: 11 * seq_len // 10,
        tolerance=0.04,
        solved_below=13 / 2000,  # n_seq = 13, the stricter of the two at which training stops
        framed=True,
    ),
}


@dataclass(frozen=True)
class Multiplication(Task):
    """Multiply the two numbers that are marked (Hochreiter & Schmidhuber, 1997).

        number  0.3  0.9  0.5  0.1  0.6  0.2
        marker   0    1    0    0    1    0     ->  0.9 * 0.6 = 0.54

    Numbers are uniform in [0, 1). `variant` names the paper, T stands for `seq_len`, l for the true
    length, steps count from 0:

    - pascanu2013: T <= l < 1.1 T; one mark in [0, .1 l), one in [.1 l, .5 l).
    - hochreiter1997: T <= l <= 1.1 T; one mark among the first ten steps, of number X_1, and one
      among the first T/2 - 1 that are still unmarked, of X_2; the first and last marker are -1,
      unless the first step is marked, and then X_1 is 1, whichever of the two marks that is:

        number   1   0.8  0.5  ...  0.6  ...  0.2
        marker   1    0    0   ...   1   ... -1     ->  1 * 0.6 = 0.6

    A drawn length is shared by the sequences of a batch. Inputs are (batch, l, 2), the number and
    its marker; targets are (batch, 1, 1), read after the last step.

    Chance is the variance of the target, under a constant answer of its mean. A product of two
    numbers has mean 1/4 and mean square 1/9, so it is 1/9 - 1/16 = 7/144. In hochreiter1997 one
    factor is 1 with probability p = 1/10 + 9/10 / (T//2 - 1); one number has mean 1/2 and mean
    square 1/3, so it is (1 + 2 p)/9 - ((1 + p)/4)^2.

    A sequence is wrong where the answer is off by more than 0.2 (pascanu2013: error^2 > .04), or
    by more than 0.04 (hochreiter1997). A product is below z with probability z - z ln z, and so it
    is known how often the mean is wrong.

    Args:
        seq_len: T. At least 10, for hochreiter1997 11.
        variant: pascanu2013 or hochreiter1997.

    Raises:
        ValueError: `variant` is none of these, or `seq_len` is no whole number or too short for it.
    """

    seq_len: int = 50  # pyrefly: ignore[bad-override]
    variant: str = "pascanu2013"

    def __post_init__(self) -> None:
        check_choice("variant", self.variant, PROTOCOLS)
        check_int("seq_len", self.seq_len, 1)
        shortest = self._protocol.shortest
        if self.seq_len < shortest:
            raise ValueError(
                f"seq_len={self.seq_len} is too short for variant={self.variant}: "
                f"at least {shortest}"
            )

    @property
    def _protocol(self) -> _MultiplicationProtocol:
        return PROTOCOLS[self.variant]

    @property
    def input_size(self) -> int:
        return 2

    @property
    def output_size(self) -> int:
        return 1

    @property
    def solved_below(self) -> float:  # pyrefly: ignore[bad-override]
        return self._protocol.solved_below

    @property
    def _ones(self) -> float:
        """How likely it is that a factor is 1, as the first step is marked."""
        return 0.1 + 0.9 / (self.seq_len // 2 - 1) if self._protocol.framed else 0.0

    @property
    def chance(self) -> float:
        return (1 + 2 * self._ones) / 9 - ((1 + self._ones) / 4) ** 2

    @property
    def chance_error(self) -> float:
        mean, tolerance = (1 + self._ones) / 4, self._protocol.tolerance
        return 1 - self._below(mean + tolerance) + self._below(mean - tolerance)

    def _below(self, bound: float) -> float:
        """How likely a target is below a bound in (0, 1)."""
        return bound - (1 - self._ones) * bound * math.log(bound)

    def sample(self, draws: Draws) -> Batch:
        protocol = self._protocol
        length = draws.length(self.seq_len, protocol.longest(self.seq_len) + 1)
        inputs = torch.zeros(draws.sequences, length, 2, device=draws.device)
        numbers, markers = inputs.unbind(dim=2)
        numbers.copy_(draws.uniform(length))
        marks = torch.stack(protocol.marks(self.seq_len, length, draws), dim=1)
        if protocol.framed:
            first_marked = (marks == 0).any(dim=1, keepdim=True)
            numbers.scatter_(
                1, marks[:, :1], numbers.gather(1, marks[:, :1]).masked_fill_(first_marked, 1.0)
            )
            markers[:, 0] = markers[:, -1] = -1.0
        markers.scatter_(1, marks, 1.0)
        return Batch(inputs, numbers.gather(1, marks).prod(dim=1).view(-1, 1, 1))

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return squared_error(outputs, targets)

    def errors(self, outputs: Tensor, targets: Tensor) -> Tensor:
        error = (outputs - targets).abs().flatten()
        return ~(error <= self._protocol.tolerance)  # NaN is wrong, too

    def off_by(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return outputs - targets

    def lags(self, batch: Batch) -> Tensor:
        return batch.inputs.size(1) - 1 - (batch.inputs[:, :, 1] == 1).int().argmax(dim=1)

    def at_length(self, seq_len: int) -> Self:
        return replace(self, seq_len=seq_len)
