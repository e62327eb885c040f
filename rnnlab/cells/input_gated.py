"""What the cells have in common whose gates see the input alone: each unit is linear in its own past."""

from abc import abstractmethod
from typing import ClassVar

from torch import Tensor

from rnnlab.cells.cell import Cell, State
from rnnlab.kernels.linear_scan import linear_scan, scans


class InputGatedCell(Cell):
    """h_t = a(x_t) * h_{t-1} + b(x_t), unit by unit; h_0 = 0.

    On a GPU all steps are made at once by a scan, in 32 and 64 bits and where all rows have as many steps. Else they run as a
    loop. On the CPU the loop that is compiled from `step` is the faster way (kernels/linear_scan has figures).
    """

    work: ClassVar[str] = "H"
    depth: ClassVar[str] = "log T"

    @abstractmethod
    def coefficients(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """The numbers a and b, each (..., hidden_size), of inputs (..., input_size)."""

    def step(self, inputs: Tensor, state: State) -> State:
        (h,) = state
        a, b = self.coefficients(inputs)
        return (a * h + b,)

    def own_way(self, inputs: Tensor, state: State | None) -> tuple[Tensor, State] | None:
        return self.at_once(inputs, state) if scans(inputs) else None

    def at_once(self, inputs: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """What `forward` gives, by the scan on any device."""
        (h0,) = self.initial_state(inputs) if state is None else state
        hidden = linear_scan(*self.coefficients(inputs), h0)
        return hidden, (hidden[:, -1],)
