"""The multiplication problem of Hochreiter & Schmidhuber (1997) and of Pascanu et al. (2013)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from rnnlab.tasks.marked_numbers import MarkedNumbers, MarkedProtocol
from rnnlab.tasks.marks import among_first_ten, early

PROTOCOLS = {
    "pascanu2013": MarkedProtocol(
        marks=early,
        shortest=10,
        longest=lambda seq_len: (11 * seq_len + 9) // 10 - 1,
    ),
    "hochreiter1997": MarkedProtocol(
        marks=among_first_ten,
        shortest=11,  # ten pairs to mark, and a last one that is never marked
        longest=lambda seq_len: 11 * seq_len // 10,
        tolerance=0.04,
        solved_below=13 / 2000,  # n_seq = 13, the stricter of the two at which training stops
        framed=True,
    ),
}


@dataclass(frozen=True)
class Multiplication(MarkedNumbers):
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

    hochreiter1997 is solved with fewer than 13 of 2000 sequences wrong, at which the paper stops training; pascanu2013
    with fewer than 1 %.

    Args:
        seq_len: T. At least 10, for hochreiter1997 11.
        variant: pascanu2013 or hochreiter1997.

    Raises:
        ValueError: `variant` is none of these, or `seq_len` is no whole number or too short for it.
    """

    protocols: ClassVar[Mapping[str, MarkedProtocol]] = PROTOCOLS
    neutral: ClassVar[float] = 1.0

    @property
    def chance(self) -> float:
        ones = self._neutral_share
        return (1 + 2 * ones) / 9 - ((1 + ones) / 4) ** 2

    @property
    def chance_error(self) -> float:
        mean, tolerance = (1 + self._neutral_share) / 4, self._protocol.tolerance
        return 1 - self._below(mean + tolerance) + self._below(mean - tolerance)

    def _below(self, bound: float) -> float:
        """How likely a target is below a bound in (0, 1)."""
        return bound - (1 - self._neutral_share) * bound * math.log(bound)

    def answer(self, marked: Tensor) -> Tensor:
        return marked.prod(dim=1)
