"""What problems share that tell at every step something of random bits seen before."""

import math
from abc import abstractmethod
from dataclasses import dataclass, fields, replace
from typing import ClassVar, Self

import torch
from torch import Tensor
from torch.nn import functional as F

from rnnlab.foundation.checks import check_int
from rnnlab.tasks.task import Task


@dataclass(frozen=True)
class BitStream(Task):
    """Each answered step has a bit of its own to tell, all equally hard.

    Inputs are (batch, seq_len, 1). Targets are 0 or 1, (batch, answered steps, 1); outputs pass a
    logistic function, and the loss is the mean binary cross-entropy. The bits are as often 0 as 1,
    so that chance is ln 2, and half of its answers are wrong. `accuracy` is the share of bits that
    are told rightly. A sequence is wrong where its last bit is, as of `text`; of many sequences
    that is 1 - `accuracy`.

    Raises:
        ValueError: `delay` or `num_answers` is no whole number from 1.
    """

    length_key: ClassVar[str] = "delay"

    output_size: ClassVar[int] = 1  # pyrefly: ignore[bad-override]
    input_size: ClassVar[int] = 1  # pyrefly: ignore[bad-override]
    chance: ClassVar[float] = math.log(2)  # pyrefly: ignore[bad-override]
    chance_error: ClassVar[float] = 0.5  # pyrefly: ignore[bad-override]
    chance_accuracy: ClassVar[float] = 0.5  # pyrefly: ignore[bad-override]
    class_names: ClassVar[tuple[str, ...]] = ("1",)  # pyrefly: ignore[bad-override]

    delay: int = 10
    num_answers: int = 80

    def __post_init__(self) -> None:
        check_int("delay", self.delay, 1)
        check_int("num_answers", self.num_answers, 1)

    @property
    @abstractmethod
    def longest_lag(self) -> int:
        """Steps from the first bit of an answer to the answer."""

    @property
    def seq_len(self) -> int:  # pyrefly: ignore[bad-override]
        return self.longest_lag + self.num_answers

    def at_length(self, seq_len: int) -> Self:
        """With other numbers of answers: the delay is the problem itself."""
        check_int("seq_len", seq_len, 1)
        if seq_len <= self.longest_lag:
            kept = (f.name for f in fields(self) if f.name != "num_answers")
            named = " and ".join(f"{name}={getattr(self, name)}" for name in kept)
            raise ValueError(
                f"seq_len={seq_len} is too short for {named}: at least {self.longest_lag + 1}"
            )
        return replace(self, num_answers=seq_len - self.longest_lag)

    def probabilities(self, outputs: Tensor) -> Tensor:
        return outputs.sigmoid()

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(outputs, targets)

    def errors(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return self.position_errors(outputs, targets)[:, -1]

    def position_errors(self, outputs: Tensor, targets: Tensor) -> Tensor:
        told = (outputs >= 0) == (targets > 0.5)
        return (~told | outputs.isnan()).squeeze(2)

    def off_by(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return outputs.sigmoid() - targets


def parity(bits: Tensor, lags: range, answers: int) -> Tensor:
    """Whether an odd number of bits shown before are 1, at the last `answers` steps.

    Args:
        bits: 0 or 1, (sequences, seq_len).
        lags: How many steps before, each at most seq_len - answers.
        answers: Steps.

    Returns:
        (sequences, answers).
    """
    last = bits.size(1)
    shown = torch.stack([bits[:, last - lag - answers : last - lag] for lag in lags])
    return shown.sum(dim=0) % 2
