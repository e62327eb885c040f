"""The long short-term memory of Hochreiter & Schmidhuber (1997), with the forget gate of Gers et al. (2000)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnlab.cells.cell import State
from rnnlab.cells.fused import FusedCell
from rnnlab.cells.gated import check_one_forget_bias, chrono_bias
from rnnlab.foundation.checks import check_float


class LSTMCell(FusedCell):
    """The equations and the parameters of `torch.nn.LSTM`.

        i, f, g, o = split(W x_t + b_ih + U h_{t-1} + b_hh)
        c_t = sigmoid(f) * c_{t-1} + sigmoid(i) * tanh(g)
        h_t = sigmoid(o) * tanh(c_t)

    The state is (h_t, c_t).

    Args:
        input_size: Features in x_t.
        hidden_size: H, features in h_t and in c_t.
        forget_bias: The bias of the forget gate, b_ih + b_hh, starts here (Gers et al., 2000;
            Jozefowicz et al., 2015, advise 1); null leaves torch's random one.
        chrono: Start the gates for memories of up to this many steps (Tallec & Ollivier, 2018):
            b_f = log U(1, chrono - 1) and b_i = -b_f. It sets the forget bias itself, so
            forget_bias=null goes with it.

    Raises:
        ValueError: For a size below 1, a forget_bias that is no finite number, chrono below 3, or chrono together with
            forget_bias.
    """

    state_names = ("h", "c")
    compiled_up_to = 128  # AMD EPYC: 0.6 to 0.95 of the layer's time; at 256 units 1.1 of it

    def __init__(
        self,
        input_size: int,
        hidden_size: int = 64,
        forget_bias: float | None = 1.0,
        chrono: int | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, layer=nn.LSTM)
        check_one_forget_bias(forget_bias, chrono)
        if forget_bias is not None:
            self._set_gate_bias(1, torch.tensor(check_float("forget_bias", forget_bias)))
        if chrono is not None:
            b_f = chrono_bias(hidden_size, chrono)
            self._set_gate_bias(0, -b_f)
            self._set_gate_bias(1, b_f)

    def _set_gate_bias(self, gate: int, bias: Tensor) -> None:
        rows = slice(gate * self.hidden_size, (gate + 1) * self.hidden_size)
        with torch.no_grad():
            self.bias_ih[rows] = bias
            self.bias_hh[rows] = 0

    def initial_state(self, inputs: Tensor) -> State:
        return self.zero_state(inputs, 2)

    def step(self, inputs: Tensor, state: State) -> State:
        h, c = state
        gates = F.linear(inputs, self.weight_ih, self.bias_ih)
        gates = gates + F.linear(h, self.weight_hh, self.bias_hh)
        i, f, g, o = gates.chunk(4, dim=1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c

    def own_way(self, inputs: Tensor, state: State | None) -> tuple[Tensor, State] | None:
        if self.runs_compiled(inputs):
            return None
        h, c = self.initial_state(inputs) if state is None else state
        hidden, (h, c) = self.fused(inputs, (h.unsqueeze(0), c.unsqueeze(0)))
        return hidden, (h.squeeze(0), c.squeeze(0))
