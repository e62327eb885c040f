"""The forget gate alone, JANET ("just another network") of van der Westhuizen & Lasenby (2018)."""

import math

from torch import Tensor

from rnnlab.cells.cell import State
from rnnlab.cells.gated import GatedCell, check_one_forget_bias, chrono_bias
from rnnlab.foundation.checks import check_float


class JANETCell(GatedCell):
    """An LSTM with one gate, which forgets: what it takes away makes room for what is new.

        f, g = split(W x_t + U h_{t-1} + b)
        h_t = sigmoid(f) * h_{t-1} + (1 - sigmoid(f - beta)) * tanh(g)

    W, U and b have the rows of f above those of g. h_t stays within exp(beta), or within 1 where beta
    is negative.

    Args:
        input_size: Features in x_t.
        hidden_size: H, features in h_t.
        beta: How much more than 1 - sigmoid(f) is let in; the paper has 1.
        forget_bias: b_f starts here; null: from zero, as all else of b.
        chrono: Start the gate for memories of up to this many steps (Tallec & Ollivier, 2018), as the
            paper does: b_f = log U(1, chrono - 1). It sets the forget bias itself, so forget_bias=null
            goes with it.

    Raises:
        ValueError: For a size below 1, a beta or forget_bias that is no finite number, chrono below 3,
            or chrono together with forget_bias.
    """

    gates = "fg"

    def __init__(
        self,
        input_size: int,
        hidden_size: int = 64,
        beta: float = 1.0,
        forget_bias: float | None = 1.0,
        chrono: int | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size)
        self.beta = check_float("beta", beta)
        check_one_forget_bias(forget_bias, chrono)
        if forget_bias is not None:
            self.start_forget_gate(forget_bias)
        if chrono is not None:
            self.start_forget_gate(chrono_bias(hidden_size, chrono))

    @property
    def bounds(self) -> tuple[float, float]:
        largest = math.exp(max(self.beta, 0.0))  # of (1 - sigmoid(f - beta)) / (1 - sigmoid(f))
        return -largest, largest

    def step(self, inputs: Tensor, state: State) -> State:
        (h,) = state
        f, g = self.preactivation(inputs, h).chunk(2, dim=1)
        return (f.sigmoid() * h + (self.beta - f).sigmoid() * g.tanh(),)
