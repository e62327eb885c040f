"""The leaky integrator of Jaeger et al. (2007)."""

import torch
from torch import Tensor, nn

from rnnlab.cells import Cell, State


class LeakyCell(Cell):
    """h_t = (1 - a) h_{t-1} + a tanh(W x_t + U h_{t-1} + b)"""

    def __init__(self, input_size: int, hidden_size: int = 64, leak: float = 0.5) -> None:
        super().__init__(input_size, hidden_size)
        if not 0 < leak <= 1:
            raise ValueError(f"leak={leak} is not within (0, 1]")
        self.leak = leak  # a
        self.weight_ih = nn.Linear(input_size, hidden_size)  # W, b
        self.weight_hh = nn.Linear(hidden_size, hidden_size, bias=False)  # U

    def step(self, inputs: Tensor, state: State) -> State:
        (h,) = state
        new = torch.tanh(self.weight_ih(inputs) + self.weight_hh(h))
        return ((1 - self.leak) * h + self.leak * new,)
