"""A cell of a user's own that is made of a step, on parameters that all of them have."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from rnnlab.cells import Cell, State

Step = Callable[["OwnCell", Tensor, State], State]


class OwnCell(Cell):
    """A step given by name, with some layers, a leak, a diagonal and a mask to make it of."""

    def __init__(
        self, step: Step, num_states: int = 1, input_size: int = 3, hidden_size: int = 5
    ) -> None:
        super().__init__(input_size, hidden_size)
        self.num_states, self._step = num_states, step
        self.w, self.w2 = nn.Linear(input_size, hidden_size), nn.Linear(input_size, hidden_size)
        self.u, self.u2 = nn.Linear(hidden_size, hidden_size), nn.Linear(hidden_size, hidden_size)
        self.v = nn.Linear(input_size + 2 * hidden_size, hidden_size)
        self.norm = nn.LayerNorm(hidden_size)
        self.leak, self.d = nn.Parameter(torch.tensor(0.3)), nn.Parameter(torch.randn(hidden_size))
        self.rate = 0.5
        self.mask: Tensor
        self.register_buffer("mask", (torch.arange(hidden_size) % 2).float())

    def initial_state(self, inputs: Tensor) -> State:
        return (inputs.new_zeros(inputs.size(0), self.hidden_size),) * self.num_states

    def step(self, inputs: Tensor, state: State) -> State:
        return self._step(self, inputs, state)


def made_by(
    step: Step, num_states: int = 1, input_size: int = 3, dtype: torch.dtype = torch.float64
) -> OwnCell:
    """The cell of a step, whose weights are those of a seed."""
    torch.manual_seed(0)
    return OwnCell(step, num_states, input_size).to(dtype)


def summed(cell: OwnCell, x: Tensor, state: State) -> Tensor:
    """W x + U h + b, which most steps begin with."""
    return cell.w(x) + cell.u(state[0])
