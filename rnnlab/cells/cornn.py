"""The coupled oscillators of Rusch & Mishra (2021)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnlab.cells.cell import Cell, State
from rnnlab.foundation.checks import check_float


class CoRNNCell(Cell):
    """Oscillators with places y and velocities z. They are driven by one another and by the inputs.

        z_t = z_{t-1} + dt (tanh(W y_{t-1} + W_z z_{t-1} + V x_t + b) - gamma y_{t-1} - epsilon z_{t-1})
        y_t = y_{t-1} + dt z_t

    The state is (y_t, z_t), and y_t is read out. All weights start from U(-1/sqrt(k), 1/sqrt(k)) with
    k = input_size + 2 hidden_size, as in the authors' code; the defaults are those of its adding task.

    Args:
        input_size: Features in x_t.
        hidden_size: Oscillators, features in y_t and in z_t.
        dt: The size of a step.
        gamma: The square of an oscillator's frequency on its own.
        epsilon: Its damping.

    Raises:
        ValueError: For a size below 1, a dt or gamma that is not positive, or an epsilon below 0.
    """

    state_names = ("y", "z")

    def __init__(
        self,
        input_size: int,
        hidden_size: int = 64,
        dt: float = 0.06,
        gamma: float = 66.0,
        epsilon: float = 15.0,
    ) -> None:
        super().__init__(input_size, hidden_size)
        self.dt = check_float("dt", dt, above=0.0)
        self.gamma = check_float("gamma", gamma, above=0.0)
        self.epsilon = check_float("epsilon", epsilon, at_least=0.0)
        self.weight_ih = nn.Parameter(torch.empty(hidden_size, input_size))  # V
        self.weight_hh = nn.Parameter(torch.empty(hidden_size, hidden_size))  # W
        self.weight_zh = nn.Parameter(torch.empty(hidden_size, hidden_size))  # W_z
        self.bias = nn.Parameter(torch.empty(hidden_size))  # b
        bound = (input_size + 2 * hidden_size) ** -0.5
        for weight in self.parameters():
            nn.init.uniform_(weight, -bound, bound)

    def initial_state(self, inputs: Tensor) -> State:
        return self.zero_state(inputs, 2)

    def step(self, inputs: Tensor, state: State) -> State:
        y, z = state
        a = F.linear(inputs, self.weight_ih, self.bias)
        a = a + F.linear(y, self.weight_hh) + F.linear(z, self.weight_zh)
        z = z + self.dt * (torch.tanh(a) - self.gamma * y - self.epsilon * z)
        return y + self.dt * z, z
