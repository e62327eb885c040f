"""What the adding and the multiplication problem share: a number and a marker at each step, and two marks."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import torch
from torch import Tensor

from rnnlab.foundation.checks import check_choice, check_int
from rnnlab.kernels.squared_error import squared_error
from rnnlab.tasks.batch import Batch
from rnnlab.tasks.draws import Draws
from rnnlab.tasks.marks import Marks
from rnnlab.tasks.task import Task


@dataclass(frozen=True)
class MarkedProtocol:
    """What the papers disagree about. T is `seq_len`, from which the true length is drawn."""

    marks: Marks
    shortest: int = 2
    longest: Callable[[int], int] = lambda seq_len: seq_len
    low: float = 0.0  # The numbers are uniform between low and 1.
    right: Callable[[Tensor, float], Tensor] = torch.le  # |error| compared with the tolerance
    tolerance: float = 0.2
    solved_below: float = 0.01
    framed: bool = (
        False  # The first and last marker are -1; X_1 is `neutral` where the first step is marked.
    )


@dataclass(frozen=True)
class MarkedNumbers(Task):
    """One answer, after the last step, of the two numbers that are marked.

    Raises:
        ValueError: `variant` is none of `protocols`, or `seq_len` is no whole number or too short for it.
    """

    protocols: ClassVar[Mapping[str, MarkedProtocol]]
    """By variant."""
    neutral: ClassVar[float]
    """What X_1 is where a protocol is framed and the first step is marked: it leaves X_2 as it is."""

    seq_len: int = 50  # pyrefly: ignore[bad-override]
    variant: str = "pascanu2013"

    def __post_init__(self) -> None:
        check_choice("variant", self.variant, self.protocols)
        check_int("seq_len", self.seq_len, 1)
        shortest = self._protocol.shortest
        if self.seq_len < shortest:
            raise ValueError(
                f"seq_len={self.seq_len} is too short for variant={self.variant}: "
                f"at least {shortest}"
            )

    @property
    def _protocol(self) -> MarkedProtocol:
        return self.protocols[self.variant]

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
    def _neutral_share(self) -> float:
        """How likely it is that X_1 is `neutral`."""
        return 0.1 + 0.9 / (self.seq_len // 2 - 1) if self._protocol.framed else 0.0

    def sample(self, draws: Draws) -> Batch:
        protocol = self._protocol
        length = draws.length(self.seq_len, protocol.longest(self.seq_len) + 1)
        inputs = torch.zeros(draws.sequences, length, 2, device=draws.device)
        numbers, markers = inputs.unbind(dim=2)
        numbers.copy_(draws.uniform(length).mul_(1 - protocol.low).add_(protocol.low))
        marks = torch.stack(protocol.marks(self.seq_len, length, draws), dim=1)
        if protocol.framed:
            first, first_marked = marks[:, :1], (marks == 0).any(dim=1, keepdim=True)
            kept = numbers.gather(1, first).masked_fill_(first_marked, self.neutral)
            numbers.scatter_(1, first, kept)
            markers[:, 0] = markers[:, -1] = -1.0
        markers.scatter_(1, marks, 1.0)
        return Batch(inputs, self.answer(numbers.gather(1, marks)).view(-1, 1, 1))

    @abstractmethod
    def answer(self, marked: Tensor) -> Tensor:
        """The target of two numbers, (sequences, 2); (sequences,)."""

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return squared_error(outputs, targets)

    def errors(self, outputs: Tensor, targets: Tensor) -> Tensor:
        error = (outputs - targets).abs().flatten()
        return ~self._protocol.right(error, self._protocol.tolerance)  # NaN is wrong, too

    def off_by(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return outputs - targets

    def lags(self, batch: Batch) -> Tensor:
        return batch.inputs.size(1) - 1 - (batch.inputs[:, :, 1] == 1).int().argmax(dim=1)

    def at_length(self, seq_len: int) -> Self:
        return replace(self, seq_len=seq_len)
