"""The linear recurrent unit of Orvieto et al. (2023)."""

import math
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnlab.cells.cell import Cell, State
from rnnlab.foundation.checks import check_float
from rnnlab.kernels.linear_scan import linear_scan, scans


class Modes(Cell):
    """x_t = lambda * x_{t-1} + gamma * B u_t of complex x_t, as rows of H real and H imaginary parts.

    Its hidden_size is 2 H. On the CPU it runs as its compiled loop, and on a GPU as a scan: see `InputGatedCell`.
    """

    depth: ClassVar[str] = "log T"

    def __init__(
        self, input_size: int, num_modes: int, r_min: float, r_max: float, max_phase: float
    ) -> None:
        super().__init__(input_size, 2 * num_modes)
        squares = r_min**2 + (r_max**2 - r_min**2) * _uniform(num_modes)
        self.nu_log = nn.Parameter((-0.5 * squares.log()).log())  # nu
        self.theta_log = nn.Parameter((max_phase * _uniform(num_modes)).log())  # theta
        self.gamma_log = nn.Parameter(0.5 * torch.log1p(-squares))  # log gamma
        self.weight_ih = _normal((2 * num_modes, input_size), 2 * input_size)  # Re B over Im B

    def eigenvalues(self) -> tuple[Tensor, Tensor]:
        """Re(lambda) and Im(lambda), each (H,)."""
        radius, phase = (-self.nu_log.exp()).exp(), self.theta_log.exp()
        return radius * phase.cos(), radius * phase.sin()

    def step(self, inputs: Tensor, state: State) -> State:
        re, im = state[0].chunk(2, dim=1)
        a, b = self.eigenvalues()
        drive_re, drive_im = self._drive(inputs)
        return (torch.cat([a * re - b * im + drive_re, a * im + b * re + drive_im], dim=1),)

    def own_way(self, inputs: Tensor, state: State | None) -> tuple[Tensor, State] | None:
        return self.at_once(inputs, state) if scans(inputs) else None

    def at_once(self, inputs: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """What `forward` gives, by the scan on any device."""
        (before,) = self.initial_state(inputs) if state is None else state
        drive = torch.complex(*self._drive(inputs))
        eigenvalues = torch.complex(*self.eigenvalues()).expand_as(drive)
        modes = linear_scan(eigenvalues, drive, torch.complex(*before.chunk(2, dim=1)))
        x = torch.cat([modes.real, modes.imag], dim=2)
        return x, (x[:, -1],)

    def _drive(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Re and Im of gamma * B u."""
        re, im = F.linear(inputs, self.weight_ih).chunk(2, dim=-1)
        gamma = self.gamma_log.exp()
        return gamma * re, gamma * im


class LRUCell(Cell):
    """A complex diagonal recurrence of H modes, and its real part read out.

        x_t = lambda * x_{t-1} + gamma * B u_t,    lambda = exp(-exp(nu) + i exp(theta))
        h_t = Re(C x_t) + D u_t

    u_t is the input, which other cells call x_t. |lambda| < 1 whatever nu is. lambda starts uniform in the ring r_min <=
    |lambda| <= r_max of phases up to max_phase, and gamma at sqrt(1 - |lambda|^2), so that all modes have one
    variance under white noise. All of them train. The cell is linear in its inputs: in the paper each is
    followed by a layer that is not.

    The state is (h_t, x_t): H numbers that are read out and carry nothing on, and 2 H, the real parts
    of x_t before the imaginary ones.

    Args:
        input_size: Features in u_t.
        hidden_size: H, features in h_t, and the number of modes.
        r_min: The least |lambda| at the start.
        r_max: The largest.
        max_phase: The largest phase of lambda at the start, below 2 pi; small ones are for long memories.

    Raises:
        ValueError: For a size below 1, radii not within 0 <= r_min < r_max < 1, or a phase outside (0, 2 pi).
    """

    state_names = ("h", "x")
    depth: ClassVar[str] = "log T"

    def __init__(
        self,
        input_size: int,
        hidden_size: int = 64,
        r_min: float = 0.0,
        r_max: float = 0.99,
        max_phase: float = 6.283,
    ) -> None:
        super().__init__(input_size, hidden_size)
        check_float("r_min", r_min, at_least=0.0, below=1.0)
        check_float("r_max", r_max, above=r_min, below=1.0)
        check_float("max_phase", max_phase, above=0.0, below=2 * math.pi)
        self.modes = Modes(input_size, hidden_size, r_min, r_max, max_phase)
        self.weight_ho = _normal((hidden_size, 2 * hidden_size), hidden_size)  # Re C, Im C
        self.weight_io = _normal((hidden_size, input_size), input_size)  # D

    def initial_state(self, inputs: Tensor) -> State:
        (h,) = super().initial_state(inputs)
        return h, torch.cat([h, h], dim=1)

    def step(self, inputs: Tensor, state: State) -> State:
        (x,) = self.modes.step(inputs, state[1:])
        return self._read(x, inputs), x

    def own_way(self, inputs: Tensor, state: State | None) -> tuple[Tensor, State]:
        _, before = self.initial_state(inputs) if state is None else state
        x, (end,) = self.modes(inputs, (before,))
        hidden = self._read(x, inputs)
        return hidden, (hidden[:, -1], end)

    def final_state(self, inputs: Tensor, state: State | None = None) -> State:
        if type(self) is not LRUCell:  # which may compute something else
            return super().final_state(inputs, state)
        _, before = self.initial_state(inputs) if state is None else state
        (x,) = self.modes.final_state(inputs, (before,))
        return self._read(x, inputs[:, -1]), x

    def _read(self, x: Tensor, inputs: Tensor) -> Tensor:
        """Re(C x) + D u."""
        re, im = self.weight_ho.chunk(2, dim=1)
        return F.linear(x, torch.cat([re, -im], dim=1)) + F.linear(inputs, self.weight_io)


def _uniform(size: int) -> Tensor:
    """On (0, 1): of 0 there is no logarithm."""
    return 1 - torch.rand(size)


def _normal(shape: tuple[int, int], fan: int) -> nn.Parameter:
    return nn.Parameter(torch.randn(shape) / math.sqrt(fan))
