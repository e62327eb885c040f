"""The sLSTM of Beck et al. (2024), the recurrent cell of their xLSTM."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnlab.cells.cell import State
from rnnlab.cells.gated import GatedCell
from rnnlab.cells.heads import check_heads
from rnnlab.foundation.checks import check_choice


class SLSTMCell(GatedCell):
    """An LSTM with exponential gates: a later input can outweigh all that is stored.

        i, f, z, o = split(W x_t + U h_{t-1} + b)
        m_t = max(log f' + m_{t-1}, i)
        c_t = exp(log f' + m_{t-1} - m_t) * c_{t-1} + exp(i - m_t) * tanh(z)
        n_t = exp(log f' + m_{t-1} - m_t) * n_{t-1} + exp(i - m_t)
        h_t = sigmoid(o) * c_t / n_t

    with f' = sigmoid(f) or exp(f). c_t / n_t is a mean of the tanh(z) so far, weighted by the gates; m_t
    keeps every exponential within 1 and leaves h_t what it is. At the first step, where n_0 = 0, there is
    nothing to weigh against, and m_1 = i. The state is (h_t, c_t, n_t, m_t).

    The units of a head see h_{t-1} of their own head alone: U has blocks along its diagonal, and is
    kept as (4 * hidden_size, hidden_size / num_heads). The normalization of h_t, the convolution and the
    projections around the cell in the paper's block are no part of it.

    Args:
        input_size: Features in x_t.
        hidden_size: H, features in h_t and in each other tensor of the state.
        num_heads: Blocks of U; hidden_size is a multiple of it.
        forget_gate: f', "sigmoid" or "exp".
        forget_bias: b_f starts here; all else of b starts from zero.

    Raises:
        ValueError: For a size below 1, a hidden_size that num_heads does not divide, an unknown
            forget_gate, or a forget_bias that is no finite number.
    """

    state_names = ("h", "c", "n", "m")
    gates = "ifzo"

    def __init__(
        self,
        input_size: int,
        hidden_size: int = 64,
        num_heads: int = 1,
        forget_gate: str = "sigmoid",
        forget_bias: float = 1.0,
    ) -> None:
        super().__init__(input_size, hidden_size)
        self.num_heads = check_heads(num_heads, hidden_size)
        self.forget_gate = check_choice("forget_gate", forget_gate, ("sigmoid", "exp"))
        if num_heads > 1:
            self.weight_hh = nn.Parameter(torch.empty(4 * hidden_size, hidden_size // num_heads))
            self.start_as_torch(self.weight_hh)
        self.start_forget_gate(forget_bias)

    def initial_state(self, inputs: Tensor) -> State:
        return self.zero_state(inputs, 4)

    def step(self, inputs: Tensor, state: State) -> State:
        h, c, n, m = state
        i, f, z, o = self._gates(inputs, h)
        kept = m + (-F.softplus(-f) if self.forget_gate == "sigmoid" else f)  # log f' + m_{t-1}
        kept = torch.where(n == 0, i, kept)  # nothing is: exp(kept - m) may be infinite there
        m = torch.maximum(kept, i)
        kept, new = (kept - m).exp(), (i - m).exp()
        c = kept * c + new * z.tanh()
        n = kept * n + new
        return o.sigmoid() * c / n, c, n, m

    def _gates(self, inputs: Tensor, h: Tensor) -> tuple[Tensor, ...]:
        """W x_t + U h_{t-1} + b of each gate."""
        if self.num_heads == 1:
            return self.preactivation(inputs, h).chunk(4, dim=1)
        of_inputs = F.linear(inputs, self.weight_ih, self.bias).chunk(4, dim=1)
        heads = [F.linear(*pair).chunk(4, dim=1) for pair in self._heads(h)]
        return tuple(
            gate + torch.cat(parts, dim=1)
            for gate, parts in zip(of_inputs, zip(*heads, strict=True), strict=True)
        )

    def _heads(self, h: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Of each head its part of h and its rows of U, those of i, f, z and o."""
        size = self.hidden_size // self.num_heads
        rows = self.weight_hh.view(4, self.num_heads, size, size)
        for part, block in zip(h.chunk(self.num_heads, dim=1), rows.unbind(dim=1), strict=True):
            yield part, block.reshape(4 * size, size)
