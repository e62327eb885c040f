"""The first long short-term memory, of Hochreiter & Schmidhuber (1997), which never forgets."""

import torch
from torch import Tensor

from rnnlab.cells.cell import State
from rnnlab.cells.gated import GatedCell
from rnnlab.foundation.checks import check_choice


class LSTM1997Cell(GatedCell):
    """An LSTM without a forget gate: the error flows through c_t unchanged, however far back.

        i, g, o = split(W x_t + U h_{t-1} + b)
        c_t = c_{t-1} + sigmoid(i) * squash_g(g)
        h_t = sigmoid(o) * squash_h(c_t)

    A block has one memory cell, and the gates see x_t and h_{t-1}; the paper's gates may also see
    one another. Here the gradient goes back through every connection, where the paper cuts it off but
    for c_t. The state is (h_t, c_t).

    Args:
        input_size: Features in x_t.
        hidden_size: H, features in h_t and in c_t.
        squashing: "hochreiter1997", with squash_g(a) = 4 sigmoid(a) - 2 in [-2, 2] and
            squash_h(a) = 2 sigmoid(a) - 1 in [-1, 1]; "tanh" for both, as in an LSTM of today.

    Raises:
        ValueError: For a size below 1 or an unknown squashing.
    """

    state_names = ("h", "c")
    gates = "igo"

    def __init__(
        self, input_size: int, hidden_size: int = 64, squashing: str = "hochreiter1997"
    ) -> None:
        super().__init__(input_size, hidden_size)
        self.squashing = check_choice("squashing", squashing, ("hochreiter1997", "tanh"))

    def initial_state(self, inputs: Tensor) -> State:
        return self.zero_state(inputs, 2)

    def step(self, inputs: Tensor, state: State) -> State:
        h, c = state
        i, g, o = self.preactivation(inputs, h).chunk(3, dim=1)
        if self.squashing == "tanh":
            c = c + i.sigmoid() * g.tanh()
            return o.sigmoid() * c.tanh(), c
        c = c + i.sigmoid() * 2 * torch.tanh(g / 2)  # 4 sigmoid(g) - 2
        return o.sigmoid() * torch.tanh(c / 2), c  # 2 sigmoid(c) - 1
