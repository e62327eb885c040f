"""The minimal gated unit of Zhou et al. (2016)."""

from torch import Tensor
from torch.nn import functional as F

from rnnlab.cells.cell import State
from rnnlab.cells.gated import GatedCell


class MGUCell(GatedCell):
    """A GRU whose two gates are one.

        f = sigmoid(W_f x_t + U_f h_{t-1} + b_f)
        n = tanh(W_n x_t + U_n (f * h_{t-1}) + b_n)
        h_t = (1 - f) * h_{t-1} + f * n

    W, U and b have the rows of f above those of n, which the paper calls h~.

    Args:
        input_size: Features in x_t.
        hidden_size: H, features in h_t.

    Raises:
        ValueError: For a size below 1.
    """

    gates = "fn"

    def __init__(self, input_size: int, hidden_size: int = 64) -> None:
        super().__init__(input_size, hidden_size)

    def step(self, inputs: Tensor, state: State) -> State:
        (h,) = state
        f_x, n_x = F.linear(inputs, self.weight_ih, self.bias).chunk(2, dim=1)
        u_f, u_n = self.weight_hh.chunk(2)
        f = (f_x + F.linear(h, u_f)).sigmoid()
        n = (n_x + F.linear(f * h, u_n)).tanh()
        return ((1 - f) * h + f * n,)
