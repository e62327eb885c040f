"""The exponential RNN of Lezcano-Casado & Martinez-Rubio (2019), whose recurrent matrix stays orthogonal."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import orthogonal

from rnnlab.cells.cell import Cell, State
from rnnlab.cells.nonlinearities import modrelu
from rnnlab.cells.recurrent_init import skew_blocks


class _AtLeastSingle(nn.Module):
    """A map of matrices, in single precision where they have 16 bits: torch's exponential of these is NaN."""

    def __init__(self, map_of: nn.Module) -> None:
        super().__init__()
        self.map_of = map_of

    def forward(self, a: Tensor) -> Tensor:
        return self.map_of(a.float() if a.element_size() < 4 else a).to(a.dtype)


class ExpRNNCell(Cell):
    """An Elman cell with modReLU and an orthogonal U, whatever the optimizer does to A.

        U = exp(A - A^T), of the lower triangle of A
        h_t = modReLU(W x_t + U h_{t-1}), modReLU(a) = sign(a) relu(|a| + b)

    A starts from angles U(-pi, pi), so that U turns pairs of units by them (Henaff et al., 2016). W
    starts from He's N(0, 2/n) with n = input_size, V of a readout on this layer likewise from
    N(0, 2/H), and b from U(-0.01, 0.01), as in the authors' code. U does not depend on the upper triangle and the
    diagonal of A, which start from 0 and have no gradient; `num_params` counts them.

    U itself costs H^3: once for all steps of a sequence, and at every call of `step`.

    Args:
        input_size: n, features in x_t.
        hidden_size: H, features in h_t.

    Raises:
        ValueError: For a size below 1.
    """

    def __init__(self, input_size: int, hidden_size: int = 64) -> None:
        super().__init__(input_size, hidden_size)
        self.readout_std = (2 / hidden_size) ** 0.5
        self.weight_ih = nn.Parameter(torch.empty(hidden_size, input_size))  # W
        self.bias = nn.Parameter(torch.empty(hidden_size))  # b
        # The weight of it is U; A is recurrent.parametrizations.weight.original.
        linear = nn.Linear(hidden_size, hidden_size, bias=False)
        self.recurrent = orthogonal(linear, orthogonal_map="matrix_exp", use_trivialization=False)
        made: Any = self.recurrent.parametrizations
        made.weight[0] = _AtLeastSingle(made.weight[0])
        nn.init.kaiming_normal_(self.weight_ih, nonlinearity="relu")
        nn.init.uniform_(self.bias, -0.01, 0.01)
        with torch.no_grad():
            a = self.recurrent.get_parameter("parametrizations.weight.original")
            a.copy_(skew_blocks(hidden_size).tril())

    @property
    def weight_hh(self) -> Tensor:
        """U, computed from A."""
        weight = self.recurrent.weight
        assert isinstance(weight, Tensor)
        return weight

    def step(self, inputs: Tensor, state: State) -> State:
        (h,) = state
        a = F.linear(inputs, self.weight_ih) + F.linear(h, self.weight_hh)
        return (modrelu(a, self.bias),)
