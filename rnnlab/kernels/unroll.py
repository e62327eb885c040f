"""The loop over a cell's `step` itself, which autograd sees through, and which a scan is held to."""

from collections.abc import Callable

import torch
from torch import Tensor

State = tuple[Tensor, ...]


def unroll(
    step: Callable[[Tensor, State], State], inputs: Tensor, state: State
) -> tuple[Tensor, State]:
    """h_1 to h_T of x, (batch, seq_len, features), as (batch, seq_len, hidden_size); and the last state."""
    hidden = []
    for x in inputs.unbind(dim=1):
        state = step(x, state)
        hidden.append(state[0])
    return torch.stack(hidden, dim=1), state
