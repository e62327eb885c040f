"""What every recurrent cell is: a state, a step, and the unrolling of that step over time."""

import math
from abc import ABC, abstractmethod
from functools import cache
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from rnnlab.foundation.checks import check_int
from rnnlab.kernels.scan import scan
from rnnlab.kernels.unroll import unroll

State = tuple[Tensor, ...]
"""The tensors a cell carries from step to step, each (batch, ...); the first is h_t, (batch, hidden_size)."""


class Cell(nn.Module, ABC):
    """One recurrent layer, from inputs (batch, seq_len, input_size) to hidden states.

    A cell is its `step`; this class unrolls it, on the CPU by a loop that is compiled from the step
    (kernels/compiled). A cell that knows a faster way overrides `own_way` and computes the same: one
    test holds every cell to that, in values and in gradients.
    """

    state_names: tuple[str, ...] = ("h",)
    """What the papers call the tensors of the state, in their order; the first is h."""

    work: ClassVar[str] = "H^2"
    """Multiplications of a step and a sequence, as they grow with H = hidden_size at one input_size: "H" or "H^2"."""

    depth: ClassVar[str] = "T"
    """Operations that wait for one another over T steps, at the least: "T" in a loop, "log T" in a scan, "1".

    On the CPU a loop may be the faster way of a cell that has a scan.
    """

    readout_std: float | None = None
    """V of a readout on this layer starts from N(0, readout_std^2), and c from 0; None: torch's own start."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.input_size = check_int("input_size", input_size, minimum=1)
        self.hidden_size = check_int("hidden_size", hidden_size, minimum=1)

    @property
    def state_size(self) -> int:
        """Numbers that a sequence's state has, all its tensors together."""
        return sum(part.numel() for part in self.initial_state(torch.zeros(1, self.input_size)))

    @property
    def bounds(self) -> tuple[float, float]:
        """What every unit of h_t lies between; a unit near a finite one is saturated."""
        return -math.inf, math.inf

    @abstractmethod
    def step(self, inputs: Tensor, state: State) -> State:
        """The state at time t from the inputs (batch, input_size) at t and the state at t-1."""

    def linearized(self, inputs: Tensor, state: State) -> State:
        """`step`, where its derivative in the state is itself to be differentiated in the parameters.

        The regularizer Omega does so. Its authors hold the slopes of f constant there, and `ElmanCell` overrides
        this to do the same. Values and first derivatives in inputs and state are those of `step`.
        """
        return self.step(inputs, state)

    def constrain(self) -> None:
        """Bring parameters back, in place, to what they may be. It is called after each update."""

    def initial_state(self, inputs: Tensor) -> State:
        """The state before the first step; h_0 = 0."""
        return self.zero_state(inputs, 1)

    def zero_state(self, inputs: Tensor, count: int) -> State:
        """So many tensors of a state, each (batch, hidden_size), all of them 0."""
        return (inputs.new_zeros(inputs.size(0), self.hidden_size),) * count

    def forward(self, inputs: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """All hidden states, (batch, seq_len, hidden_size), and the state after the last step."""
        own = self._own(inputs, state)
        return self.looped(inputs, state) if own is None else own

    def own_way(self, inputs: Tensor, state: State | None) -> tuple[Tensor, State] | None:
        """What `forward` gives, by a way of the cell's own; None where the loop is faster, or the only one.

        It is not asked for in a class that derives from the one that defines it and has another `step`.
        """
        return None

    @classmethod
    @cache
    def has_own_way(cls) -> bool:
        """Whether `own_way` is that of the cell's `step`, and not of a class that it derives from."""
        own, step = (
            next(k for k in cls.__mro__ if name in vars(k)) for name in ("own_way", "step")
        )
        return issubclass(own, step)

    def looped(self, inputs: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """What `forward` gives, by the loop over `step`, compiled where that gives the same."""
        hidden, end = self._scanned(inputs, state, all_steps=True)
        assert hidden is not None
        return hidden, end

    def final_state(self, inputs: Tensor, state: State | None = None) -> State:
        """The state after the last step alone, where a cell can spare the hidden states of all."""
        if type(self).forward is not Cell.forward:
            return self(inputs, state)[1]
        own = self._own(inputs, state)
        return self._scanned(inputs, state, all_steps=False)[1] if own is None else own[1]

    def unroll(self, inputs: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """What `forward` gives, by the loop over `step` itself, which autograd sees through."""
        state = self.initial_state(inputs) if state is None else state
        with (
            parametrize.cached()
        ):  # a weight that is computed, as an orthogonal one, once and not at every step
            return unroll(self.step, inputs, state)

    def torch_layer(self) -> nn.Module:
        """The layer of torch.nn with these weights that computes the same, batch first.

        It begins from (1, batch, hidden_size), or from a tuple of one for each tensor of the state.

        Raises:
            ValueError: There is none.
        """
        raise ValueError("it is none of nn.RNN, nn.LSTM and nn.GRU")

    def _own(self, inputs: Tensor, state: State | None) -> tuple[Tensor, State] | None:
        return self.own_way(inputs, state) if self.has_own_way() else None

    def _scanned(
        self, inputs: Tensor, state: State | None, all_steps: bool
    ) -> tuple[Tensor | None, State]:
        """Compiled where that gives what the loop would, and else by the loop."""
        state = self.initial_state(inputs) if state is None else state
        if inputs.size(-1) != self.input_size:  # which a step may refuse
            return self.unroll(inputs, state)
        return scan(self, inputs, state, all_steps) or self.unroll(inputs, state)
