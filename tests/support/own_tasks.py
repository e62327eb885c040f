"""A task of a user's own that keeps to everything, and what it is with mistakes in it."""

from dataclasses import dataclass, replace
from typing import Any, Self

import pytest
from torch import Tensor
from torch.nn import functional as F

from rnnlab.foundation.contract import ContractError
from rnnlab.tasks import Batch, Draws, Task, check_task


@dataclass(frozen=True)
class Last(Task):
    """Repeat the last number."""

    seq_len: int = 5  # pyrefly: ignore[bad-override]

    @property
    def input_size(self) -> int:
        return 1

    @property
    def output_size(self) -> int:
        return 1

    @property
    def chance(self) -> float:
        return 1 / 12

    def sample(self, draws: Draws) -> Batch:
        inputs = draws.uniform(self.seq_len, 1)
        return Batch(inputs, inputs[:, -1:])

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return F.mse_loss(outputs, targets)

    def errors(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return ((outputs - targets).abs() > 0.1).flatten(1).any(1)

    def at_length(self, seq_len: int) -> Self:
        return replace(self, seq_len=seq_len)


def mistaken(**members: Any) -> Task:
    return type("Mistaken", (Last,), members)()


def assert_named(members: dict[str, Any], message: str) -> None:
    """That a task with these members is refused, in one line that has the message."""
    with pytest.raises(ContractError) as refused:
        check_task(mistaken(**members))
    assert str(refused.value).startswith("Mistaken.")
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def numbers(draws: Draws) -> Tensor:
    return draws.uniform(5, 1)


def flat(inputs: Tensor) -> Batch:
    """Targets (batch, 1) for outputs (batch, 1, 1)."""
    return Batch(inputs, inputs[:, -1])


def flat_steps(inputs: Tensor) -> Batch:
    return Batch(inputs, inputs[:, -1:])
