"""The LSTM with peephole connections of Gers & Schmidhuber (2000)."""

import torch
from torch import Tensor, nn

from rnnlab.cells.cell import State
from rnnlab.cells.gated import GatedCell


class PeepholeLSTMCell(GatedCell):
    """An LSTM whose gates see the memory cell, also while its output gate is closed.

        i, f, g, o = split(W x_t + U h_{t-1} + b)
        c_t = sigmoid(f + p_f * c_{t-1}) * c_{t-1} + sigmoid(i + p_i * c_{t-1}) * tanh(g)
        h_t = sigmoid(o + p_o * c_t) * tanh(c_t)

    Each p has one weight for a unit; with p = 0 this is `torch.nn.LSTM`. The p start from the same
    distribution as W and U, torch's U(-1/sqrt(H), 1/sqrt(H)), and b from zero but for b_f. The state
    is (h_t, c_t).

    Args:
        input_size: Features in x_t.
        hidden_size: H, features in h_t and in c_t.
        forget_bias: b_f starts here (Gers et al., 2000).

    Raises:
        ValueError: For a size below 1 or a forget_bias that is no finite number.
    """

    state_names = ("h", "c")
    gates = "ifgo"

    def __init__(self, input_size: int, hidden_size: int = 64, forget_bias: float = 1.0) -> None:
        super().__init__(input_size, hidden_size)
        self.weight_ch = nn.Parameter(torch.empty(3 * hidden_size))  # p_i, p_f, p_o
        self.start_as_torch(self.weight_ch)
        self.start_forget_gate(forget_bias)

    def initial_state(self, inputs: Tensor) -> State:
        return self.zero_state(inputs, 2)

    def step(self, inputs: Tensor, state: State) -> State:
        h, c = state
        i, f, g, o = self.preactivation(inputs, h).chunk(4, dim=1)
        p_i, p_f, p_o = self.weight_ch.chunk(3)
        i, f = (i + p_i * c).sigmoid(), (f + p_f * c).sigmoid()
        c = f * c + i * g.tanh()
        return (o + p_o * c).sigmoid() * c.tanh(), c
