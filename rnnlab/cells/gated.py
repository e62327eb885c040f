"""What the cells have in common whose gates stand one below the other in W, U and b."""

import math
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnlab.cells.cell import Cell
from rnnlab.foundation.checks import check_float, check_int


def chrono_bias(hidden_size: int, longest: int) -> Tensor:
    """The forget bias of Tallec & Ollivier (2018), log U(1, longest - 1), which they call chrono.

    A gate that starts there remembers for 1 to `longest - 1` steps.

    Raises:
        ValueError: For fewer steps than 3.
    """
    longest = check_int("chrono", longest, minimum=3)
    return torch.empty(hidden_size).uniform_(1, longest - 1).log()


def check_one_forget_bias(forget_bias: float | None, chrono: int | None) -> None:
    """Refuse two options that would set the same bias.

    Raises:
        ValueError: Where both are given.
    """
    if chrono is not None and forget_bias is not None:
        raise ValueError(
            f"chrono={chrono} and forget_bias={forget_bias} both set the forget bias: "
            "give forget_bias=null with chrono"
        )


class GatedCell(Cell):
    """A cell with W x_t + U h_{t-1} + b, of which each gate has hidden_size rows, as in `torch.nn.LSTM`.

    W and U start from torch's U(-1/sqrt(H), 1/sqrt(H)) with H = hidden_size, and b from zero.
    """

    gates: ClassVar[str]
    """The gates in the order of their rows, each by its letter: "ifgo" in torch's LSTM."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        rows = len(self.gates) * hidden_size
        self.weight_ih = nn.Parameter(torch.empty(rows, input_size))  # W
        self.weight_hh = nn.Parameter(torch.empty(rows, hidden_size))  # U
        self.bias = nn.Parameter(torch.zeros(rows))  # b
        self.start_as_torch(self.weight_ih, self.weight_hh)

    @property
    def bounds(self) -> tuple[float, float]:
        return -1.0, 1.0

    def start_as_torch(self, *weights: nn.Parameter) -> None:
        """Draw them from torch's U(-1/sqrt(H), 1/sqrt(H))."""
        bound = 1 / math.sqrt(self.hidden_size)
        for weight in weights:
            nn.init.uniform_(weight, -bound, bound)

    def start_forget_gate(self, bias: float | Tensor) -> None:
        """Let b_f start from a number, the option `forget_bias`, or from a number for each unit."""
        if not isinstance(bias, Tensor):
            bias = torch.tensor(check_float("forget_bias", bias))
        start = self.gates.index("f") * self.hidden_size
        with torch.no_grad():
            self.bias[start : start + self.hidden_size] = bias

    def preactivation(self, inputs: Tensor, h: Tensor) -> Tensor:
        """W x_t + U h_{t-1} + b, (batch, gates * hidden_size)."""
        return F.linear(inputs, self.weight_ih, self.bias) + F.linear(h, self.weight_hh)
