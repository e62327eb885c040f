"""The AntisymmetricRNN of Chang et al. (2019)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnlab.cells.cell import Cell, State
from rnnlab.foundation.checks import check_bool, check_float


class AntisymmetricCell(Cell):
    """Euler's steps of an ordinary differential equation that is stable and keeps what it knows.

        a_t = (W - W^T - gamma I) h_{t-1}
        h_t = h_{t-1} + epsilon tanh(a_t + V x_t + b)

    With a gate z_t, which shares a_t with it:

        z_t = sigmoid(a_t + V_z x_t + b_z)
        h_t = h_{t-1} + epsilon z_t * tanh(a_t + V x_t + b)

    W - W^T has imaginary eigenvalues alone, so that those of W - W^T - gamma I have the real part
    -gamma. W starts from N(0, 1/H) with H = hidden_size, V and V_z from N(0, 1/n) with n = input_size,
    b from 0 and b_z from 1, where the gate is open.

    Args:
        input_size: n, features in x_t.
        hidden_size: H, features in h_t.
        epsilon: The size of a step.
        gamma: How strongly h fades.
        gated: Whether there is a gate.

    Raises:
        ValueError: For a size below 1, an epsilon that is not positive, or a gamma below 0.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int = 64,
        epsilon: float = 0.01,
        gamma: float = 0.01,
        gated: bool = False,
    ) -> None:
        super().__init__(input_size, hidden_size)
        self.epsilon = check_float("epsilon", epsilon, above=0.0)
        self.gamma = check_float("gamma", gamma, at_least=0.0)
        self.weight_ih = nn.Parameter(torch.empty(hidden_size, input_size))  # V
        self.weight_hh = nn.Parameter(torch.empty(hidden_size, hidden_size))  # W
        self.bias = nn.Parameter(torch.zeros(hidden_size))  # b
        nn.init.normal_(self.weight_ih, std=input_size**-0.5)
        nn.init.normal_(self.weight_hh, std=hidden_size**-0.5)
        self.weight_iz: nn.Parameter | None = None  # V_z
        self.bias_z: nn.Parameter | None = None  # b_z
        if check_bool("gated", gated):
            self.weight_iz = nn.Parameter(torch.empty(hidden_size, input_size))
            self.bias_z = nn.Parameter(torch.ones(hidden_size))
            nn.init.normal_(self.weight_iz, std=input_size**-0.5)

    def step(self, inputs: Tensor, state: State) -> State:
        (h,) = state
        a = F.linear(h, self.weight_hh - self.weight_hh.mT) - self.gamma * h
        change = torch.tanh(a + F.linear(inputs, self.weight_ih, self.bias))
        if self.weight_iz is not None:
            change = torch.sigmoid(a + F.linear(inputs, self.weight_iz, self.bias_z)) * change
        return (h + self.epsilon * change,)
