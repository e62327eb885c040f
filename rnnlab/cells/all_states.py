"""Every tensor of every layer's state at every step, where a model keeps the h_t of its last layer alone."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.utils import parametrize

from rnnlab.cells.cell import Cell, State
from rnnlab.cells.sequence_model import SequenceModel


class _Reordered(Cell):
    """A cell whose state begins with another of its tensors, so that unrolling it gives that one's values."""

    def __init__(self, cell: Cell, first: int) -> None:
        super().__init__(cell.input_size, cell.hidden_size)
        self.cell, self.first = cell, first

    def step(self, inputs: Tensor, state: State) -> State:
        return _swapped(self.cell.step(inputs, _swapped(state, self.first)), self.first)

    def initial_state(self, inputs: Tensor) -> State:
        return _swapped(self.cell.initial_state(inputs), self.first)


def _swapped(state: State, first: int) -> State:
    """With the first tensor and the one that is to be first in each other's place."""
    changed = list(state)
    changed[0], changed[first] = state[first], state[0]
    return tuple(changed)


class AllStates:
    """A model in evaluation with the states of its layers at every step.

    They have the names that the papers give them: h and c of an LSTM. Of several layers it is
    `layers.0.h`, `layers.0.c`, `layers.1.h` and so on, as torch names their weights.

    Args:
        model: The model.
    """

    def __init__(self, model: SequenceModel) -> None:
        self.model = model
        self.layers: list[Cell] = list(model.layers)  # pyrefly: ignore[bad-assignment]
        self._reordered: dict[tuple[int, int], _Reordered] = {}

    def __call__(
        self, inputs: Tensor, states: Sequence[State] | None
    ) -> tuple[Tensor, list[State], dict[str, Tensor]]:
        """As the model: y_t, and the layers' last states; and each state, (batch, seq_len, ...)."""
        hidden, ends, found = inputs, list[State](), dict[str, Tensor]()
        for depth, cell in enumerate(self.layers):
            below = hidden
            state = cell.initial_state(below) if states is None else states[depth]
            hidden, end = cell(below, state)
            ends.append(end)
            named = [self._name(depth, k) for k in range(len(end))]
            found |= zip(named, [hidden, *self._others(depth, below, state)], strict=True)
        return self.model.read_out(hidden), ends, found

    def _others(self, depth: int, inputs: Tensor, state: State) -> list[Tensor]:
        """All tensors of a layer's state but its h, at every step."""
        if all(tensor.dim() == 2 for tensor in state):
            swapped = (_swapped(state, k) for k in range(1, len(state)))
            return [self._cell(depth, k)(inputs, each)[0] for k, each in enumerate(swapped, 1)]
        kept = list[State]()  # of such a state no loop is compiled
        with parametrize.cached():  # as in `Cell.unroll`
            for x in inputs.unbind(dim=1):
                state = self.layers[depth].step(x, state)
                kept.append(state)
        return [torch.stack(tensors, dim=1) for tensors in list(zip(*kept, strict=True))[1:]]

    def _cell(self, depth: int, k: int) -> _Reordered:
        """One for all calls: its compiled loop is made once."""
        if (depth, k) not in self._reordered:
            self._reordered[depth, k] = _Reordered(self.layers[depth], k)
        return self._reordered[depth, k]

    def _name(self, depth: int, k: int) -> str:
        known = ("h", *self.layers[depth].state_names[1:])
        name = known[k] if k < len(known) else f"state{k}"
        return name if len(self.layers) == 1 else f"layers.{depth}.{name}"
