"""The temporal convolutional network of Bai et al. (2018): the control that is not recurrent."""

import math
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnlab.cells.cell import Cell, State
from rnnlab.foundation.checks import check_int

DEEPEST = 16  # levels, whose last has a dilation of 32768 steps


class Level(nn.Module):
    """relu(z + V x), or relu(z + x) where x has as many features, with z = relu(conv(relu(conv(x)))).

    Both convolutions are causal and dilated: y_t = sum_j W_j x_{t - d (k - 1 - j)} + b, j = 0 to k - 1.
    """

    def __init__(self, input_size: int, hidden_size: int, kernel_size: int, dilation: int) -> None:
        super().__init__()
        self.past = (kernel_size - 1) * dilation  # steps before the present one that are read
        sizes = hidden_size, kernel_size
        self.conv1 = nn.Conv1d(input_size, *sizes, dilation=dilation)
        self.conv2 = nn.Conv1d(hidden_size, *sizes, dilation=dilation)
        same = input_size == hidden_size
        self.shortcut = None if same else nn.Conv1d(input_size, hidden_size, kernel_size=1)  # V

    def forward(self, x: Tensor, before: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Of x, (batch, features, steps), and both inputs' last `past` steps before it; the same after it."""
        z, after = x, []
        for conv, buffer in zip((self.conv1, self.conv2), before, strict=True):
            seen = torch.cat([buffer, z], dim=2)
            after.append(seen[:, :, -self.past :])
            z = _applied(conv, seen, steps=z.size(2)).relu()
        return (z + (x if self.shortcut is None else self.shortcut(x))).relu(), after


def _applied(conv: nn.Conv1d, seen: Tensor, steps: int) -> Tensor:
    """The convolution at the last so many steps. One step is a matrix product, which is faster."""
    if steps > 1:
        return conv(seen)
    read = seen[:, :, :: conv.dilation[0]]
    return F.linear(read.flatten(1), conv.weight.flatten(1), conv.bias).unsqueeze(2)


class TCNCell(Cell):
    """Dilated causal convolutions over the last `receptive_field` inputs (Bai et al., 2018).

    Level i = 0, 1, ... is a residual block of two convolutions over kernel_size = k inputs that lie
    2^i steps apart, of H features each (see `Level`); h_t is what the last level gives. What lies
    1 + 2 (k - 1) (2^num_levels - 1) steps back, or farther, cannot change h_t, whatever is trained.

    It carries no h: its state holds the inputs of each convolution that later steps still read, so
    that `step` can go on. h_t stands first in the state and no step reads it. All steps of a sequence are made at once.

    The paper's weight normalisation and dropout are left out. All weights start as those of torch.nn.Conv1d. In the
    paper's code the convolutions do so too, as their N(0, 0.01^2) is overwritten by the normalisation, and V starts
    from N(0, 0.01^2).

    Args:
        input_size: Features in x_t.
        hidden_size: H, features in h_t and in every level.
        kernel_size: k, inputs of a convolution, 2 at least.
        num_levels: Residual blocks on one another, 16 at most.

    Raises:
        ValueError: For a size below its least, or more levels than 16.
    """

    depth: ClassVar[str] = "1"

    def __init__(
        self, input_size: int, hidden_size: int = 64, kernel_size: int = 3, num_levels: int = 5
    ) -> None:
        super().__init__(input_size, hidden_size)
        check_int("kernel_size", kernel_size, minimum=2)
        check_int("num_levels", num_levels, minimum=1, maximum=DEEPEST)
        self.kernel_size = kernel_size
        self.levels = nn.ModuleList(
            Level(hidden_size if i else input_size, hidden_size, kernel_size, dilation=2**i)
            for i in range(num_levels)
        )
        names = (f"{part}{i}" for i in range(num_levels) for part in ("x", "z"))
        self.state_names = ("h", *names)

    @property
    def receptive_field(self) -> int:
        """Inputs that h_t sees, the present one among them."""
        return 1 + 2 * (self.kernel_size - 1) * (2 ** len(self.levels) - 1)

    @property
    def bounds(self) -> tuple[float, float]:
        return 0.0, math.inf

    def initial_state(self, inputs: Tensor) -> State:
        (h,) = super().initial_state(inputs)
        sizes = (
            (conv.in_channels, level.past)
            for level in self._levels()
            for conv in (level.conv1, level.conv2)
        )
        return h, *(inputs.new_zeros(len(h), *size) for size in sizes)

    def step(self, inputs: Tensor, state: State) -> State:
        return self._convolved(inputs.unsqueeze(1), state)[1]

    def own_way(self, inputs: Tensor, state: State | None) -> tuple[Tensor, State]:
        return self._convolved(inputs, self.initial_state(inputs) if state is None else state)

    def _convolved(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        x, after = inputs.transpose(1, 2), list[Tensor]()
        for i, level in enumerate(self._levels()):
            x, seen = level(x, state[1 + 2 * i : 3 + 2 * i])
            after += seen
        return x.transpose(1, 2), (x[:, :, -1], *after)

    def _levels(self) -> list[Level]:
        return list(self.levels)  # pyrefly: ignore[bad-return]
