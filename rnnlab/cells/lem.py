"""The long expressive memory of Rusch et al. (2022)."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnlab.cells.cell import Cell, State
from rnnlab.foundation.checks import check_float


class LEMCell(Cell):
    """Two states, each with a time step of its own that depends on y and on the inputs.

        s_t = dt sigmoid(W_1 y_{t-1} + V_1 x_t + b_1)
        r_t = dt sigmoid(W_2 y_{t-1} + V_2 x_t + b_2)
        z_t = (1 - s_t) z_{t-1} + s_t tanh(W_z y_{t-1} + V_z x_t + b_z)
        y_t = (1 - r_t) y_{t-1} + r_t tanh(W_y z_t + V_y x_t + b_y)

    The state is (y_t, z_t), and y_t is read out. `weight_ih` has V_1, V_2, V_z, V_y below one another,
    and `weight_hh` W_1, W_2, W_z. All weights start from U(-1/sqrt(H), 1/sqrt(H)) with H = hidden_size,
    and V of a readout on this layer from N(0, 2/H), as in the authors' code. There the sum in each sigmoid and each tanh has
    two biases, and c starts from torch's; here it has one, and c starts from 0.

    Args:
        input_size: Features in x_t.
        hidden_size: H, features in y_t and in z_t.
        dt: The largest time step. The authors' code has 1, and 0.0242 for the adding task.

    Raises:
        ValueError: For a size below 1, or a dt that is not positive.
    """

    state_names = ("y", "z")

    def __init__(self, input_size: int, hidden_size: int = 64, dt: float = 1.0) -> None:
        super().__init__(input_size, hidden_size)
        self.dt = check_float("dt", dt, above=0.0)
        self.readout_std = (2 / hidden_size) ** 0.5
        self.weight_ih = nn.Parameter(
            torch.empty(4 * hidden_size, input_size)
        )  # V_1, V_2, V_z, V_y
        self.weight_hh = nn.Parameter(torch.empty(3 * hidden_size, hidden_size))  # W_1, W_2, W_z
        self.weight_zh = nn.Parameter(torch.empty(hidden_size, hidden_size))  # W_y
        self.bias = nn.Parameter(torch.empty(4 * hidden_size))  # b_1, b_2, b_z, b_y
        bound = hidden_size**-0.5
        for weight in self.parameters():
            nn.init.uniform_(weight, -bound, bound)

    @property
    def bounds(self) -> tuple[float, float]:
        """Up to dt = 1 y is a mean of what it was and of a tanh."""
        return (-1.0, 1.0) if self.dt <= 1 else (-math.inf, math.inf)

    def initial_state(self, inputs: Tensor) -> State:
        return self.zero_state(inputs, 2)

    def step(self, inputs: Tensor, state: State) -> State:
        y, z = state
        of_x = F.linear(inputs, self.weight_ih, self.bias).chunk(4, dim=1)
        of_y = F.linear(y, self.weight_hh).chunk(3, dim=1)
        s = self.dt * torch.sigmoid(of_x[0] + of_y[0])
        r = self.dt * torch.sigmoid(of_x[1] + of_y[1])
        z = (1 - s) * z + s * torch.tanh(of_x[2] + of_y[2])
        return (1 - r) * y + r * torch.tanh(of_x[3] + F.linear(z, self.weight_zh)), z
