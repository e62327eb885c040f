"""The minimal long short-term memory of Feng et al. (2024)."""

from torch import Tensor, nn
from torch.nn import functional as F

from rnnlab.cells.input_gated import InputGatedCell
from rnnlab.cells.mingru import positive_part
from rnnlab.foundation.checks import check_bool


class MinLSTMCell(InputGatedCell):
    """The LSTM without its output gate, whose gates see the input alone and sum to 1.

        f_t = sigmoid(W_f x_t + b_f),    i_t = sigmoid(W_i x_t + b_i)
        f'_t = f_t / (f_t + i_t),    i'_t = i_t / (f_t + i_t)
        h~_t = W_h x_t + b_h
        h_t = f'_t * h_{t-1} + i'_t * h~_t

    f' is computed as sigmoid(log f - log i), which no small gate can turn into 0 / 0. With `positive`
    the candidate is g(W_h x_t + b_h), as in the minGRU. The weights start as those of torch.nn.Linear.

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
        start = nn.Linear(input_size, 3 * hidden_size)
        self.weight_ih = start.weight  # W_f above W_i above W_h
        self.bias = start.bias  # b_f, b_i, b_h

    def coefficients(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        f, i, candidate = F.linear(inputs, self.weight_ih, self.bias).chunk(3, dim=-1)
        candidate = positive_part(candidate) if self.positive else candidate
        apart = F.softplus(-i) - F.softplus(-f)  # log f - log i
        return apart.sigmoid(), (-apart).sigmoid() * candidate
