"""The LSTM with layer normalization of Ba et al. (2016)."""

from torch import Tensor, nn
from torch.nn import functional as F

from rnnlab.cells.cell import State
from rnnlab.cells.gated import GatedCell
from rnnlab.foundation.checks import check_int


class LayerNormLSTMCell(GatedCell):
    """An LSTM that normalizes W x_t, U h_{t-1} and c_t over their features, each at every step.

        i, f, g, o = split(LN_ih(W x_t) + LN_hh(U h_{t-1}) + b)
        c_t = sigmoid(f) * c_{t-1} + sigmoid(i) * tanh(g)
        h_t = sigmoid(o) * tanh(LN_c(c_t))

    LN(z) = gain * (z - mean(z)) / sqrt(var(z) + 1e-5) + bias, over all 4 H numbers of the gates together,
    with a gain that starts from one and a bias that starts from zero; the 1e-5 is torch's and not in the
    paper, where LN(U h_0) = 0/0. c_t itself is carried on as it is. The state is (h_t, c_t).

    Args:
        input_size: Features in x_t.
        hidden_size: H, features in h_t and in c_t.
        forget_bias: b_f starts here (Gers et al., 2000); all else of b starts from zero.

    Raises:
        ValueError: For a size below 1, a hidden_size of 1, whose LN_c is 0 whatever c_t is, or a forget_bias that
            is no finite number.
    """

    state_names = ("h", "c")
    gates = "ifgo"

    def __init__(self, input_size: int, hidden_size: int = 64, forget_bias: float = 1.0) -> None:
        super().__init__(input_size, check_int("hidden_size", hidden_size, minimum=2))
        self.norm_ih = nn.LayerNorm(4 * hidden_size)
        self.norm_hh = nn.LayerNorm(4 * hidden_size)
        self.norm_c = nn.LayerNorm(hidden_size)
        self.start_forget_gate(forget_bias)

    def initial_state(self, inputs: Tensor) -> State:
        return self.zero_state(inputs, 2)

    def step(self, inputs: Tensor, state: State) -> State:
        h, c = state
        gates = self.norm_ih(F.linear(inputs, self.weight_ih))
        gates = gates + self.norm_hh(F.linear(h, self.weight_hh)) + self.bias
        i, f, g, o = gates.chunk(4, dim=1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * self.norm_c(c).tanh(), c
