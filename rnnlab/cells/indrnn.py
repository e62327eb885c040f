"""The independently recurrent network of Li et al. (2018)."""

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnlab.cells.cell import Cell, State
from rnnlab.cells.nonlinearities import BOUNDS
from rnnlab.cells.recurrent_init import uniform
from rnnlab.foundation.checks import check_float


class IndRNNCell(Cell):
    """h_t = relu(W x_t + u * h_{t-1} + b), where each unit hears of its own past alone.

    A step multiplies the gradient at a unit by at most |u|, so that over T steps it grows at most by
    recurrent_max^T: 2^(1/T) lets it double. After each update a weight beyond recurrent_max is set to it, as
    in the authors' code, so that it can come back. u starts from U(0, recurrent_max), W from torch's U(-1/sqrt(H), 1/sqrt(H)) with
    H = hidden_size, and b from 0.

    Args:
        input_size: Features in x_t.
        hidden_size: H, features in h_t.
        recurrent_max: The largest |u|; Li et al. take 2^(1/T) for sequences of T steps.

    Raises:
        ValueError: For a size below 1, or a recurrent_max that is not positive.
    """

    work: ClassVar[str] = "H"

    def __init__(self, input_size: int, hidden_size: int = 64, recurrent_max: float = 1.0) -> None:
        super().__init__(input_size, hidden_size)
        self.recurrent_max = check_float("recurrent_max", recurrent_max, above=0.0)
        self.weight_ih = nn.Parameter(torch.empty(hidden_size, input_size))  # W
        self.weight_hh = nn.Parameter(torch.empty(hidden_size))  # u
        self.bias = nn.Parameter(torch.zeros(hidden_size))  # b
        with torch.no_grad():
            uniform(self.weight_ih)
        nn.init.uniform_(self.weight_hh, 0.0, recurrent_max)
        self.register_load_state_dict_post_hook(_within_bounds)

    @property
    def bounds(self) -> tuple[float, float]:
        return BOUNDS["relu"]

    def step(self, inputs: Tensor, state: State) -> State:
        (h,) = state
        return (torch.relu(F.linear(inputs, self.weight_ih, self.bias) + self.weight_hh * h),)

    def constrain(self) -> None:
        with torch.no_grad():
            self.weight_hh.clamp_(-self.recurrent_max, self.recurrent_max)


def _within_bounds(cell: nn.Module, keys: object) -> None:
    """Of weights that are loaded, as an older rnnlab has left some beyond the bound and counted them as the bound."""
    assert isinstance(cell, IndRNNCell)
    cell.constrain()
