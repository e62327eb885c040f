"""The gated recurrent unit of Cho et al. (2014)."""

from torch import Tensor, nn
from torch.nn import functional as F

from rnnlab.cells.cell import State
from rnnlab.cells.fused import FusedCell


class GRUCell(FusedCell):
    """The equations and the parameters of `torch.nn.GRU`.

        r = sigmoid(W_r x_t + b_ir + U_r h_{t-1} + b_hr)
        z = sigmoid(W_z x_t + b_iz + U_z h_{t-1} + b_hz)
        n = tanh(W_n x_t + b_in + r * (U_n h_{t-1} + b_hn))
        h_t = (1 - z) * n + z * h_{t-1}

    The reset gate acts after the matrix product with U_n, as in torch and cuDNN; the paper's last
    version applies it before.

    Args:
        input_size: Features in x_t.
        hidden_size: H, features in h_t.

    Raises:
        ValueError: For a size below 1.
    """

    def __init__(self, input_size: int, hidden_size: int = 64) -> None:
        super().__init__(input_size, hidden_size, layer=nn.GRU)

    def step(self, inputs: Tensor, state: State) -> State:
        (h,) = state
        r_x, z_x, n_x = F.linear(inputs, self.weight_ih, self.bias_ih).chunk(3, dim=1)
        r_h, z_h, n_h = F.linear(h, self.weight_hh, self.bias_hh).chunk(3, dim=1)
        r, z = (r_x + r_h).sigmoid(), (z_x + z_h).sigmoid()
        n = (n_x + r * n_h).tanh()
        return ((1 - z) * n + z * h,)

    def own_way(self, inputs: Tensor, state: State | None) -> tuple[Tensor, State] | None:
        if self.runs_compiled(inputs):
            return None
        (h,) = self.initial_state(inputs) if state is None else state
        hidden, h = self.fused(inputs, h.unsqueeze(0))
        return hidden, (h.squeeze(0),)
