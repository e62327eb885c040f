"""The minimal gated recurrent unit of Feng et al. (2024)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnlab.cells.input_gated import InputGatedCell
from rnnlab.foundation.checks import check_bool


class MinGRUCell(InputGatedCell):
    """The GRU without its reset gate, whose update gate and candidate see the input alone.

        z_t = sigmoid(W_z x_t + b_z)
        h~_t = W_h x_t + b_h
        h_t = (1 - z_t) * h_{t-1} + z_t * h~_t

    With `positive` the candidate is g(W_h x_t + b_h), g(a) = a + 0.5 for a >= 0 and sigmoid(a) below: the
    form that the paper computes in logarithms (its appendix B), which need h > 0. Here neither form
    is computed in logarithms. The weights start as those of torch.nn.Linear. In h a layer is linear; the
    paper stacks layers with others between them that are not linear, which are not here.

    Args:
        input_size: Features in x_t.
        hidden_size: H, features in h_t.
        positive: Pass the candidate through g.

    Raises:
        ValueError: For a size below 1.
    """

    def __init__(self, input_size: int, hidden_size: int = 64, positive: bool = False) -> None:
        super().__init__(input_size, hidden_size)
        self.positive = check_bool("positive", positive)
        start = nn.Linear(input_size, 2 * hidden_size)
        self.weight_ih = start.weight  # W_z above W_h
        self.bias = start.bias  # b_z, b_h

    def coefficients(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        z, candidate = F.linear(inputs, self.weight_ih, self.bias).chunk(2, dim=-1)
        candidate = positive_part(candidate) if self.positive else candidate
        return (-z).sigmoid(), z.sigmoid() * candidate


def positive_part(a: Tensor) -> Tensor:
    """The g of Feng et al. (2024), continuous and above 0: a + 0.5 from 0 on, sigmoid(a) below."""
    return torch.where(a >= 0, a + 0.5, a.sigmoid())
