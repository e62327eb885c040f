"""A model's forward pass that keeps all of its state at every step, in reach of a gradient."""

from collections.abc import Sequence

import torch
from torch import Tensor

from rnnlab.cells.cell import Cell, State
from rnnlab.cells.sequence_model import SequenceModel
from rnnlab.cells.wrapper import Wrapper, wrapped


class Nudged(Wrapper):
    """s_t = (the tensors of the cell's state, side by side) + n_t, with n_t beside x_t in the inputs.

    The derivative of a loss in n_t = 0 is that in s_t as it is handed on. As any cell's, its loop is compiled.

    Args:
        cell: Whose step it is.

    Raises:
        ValueError: If the cell's state holds whole numbers.
    """

    def __init__(self, cell: Cell) -> None:
        weight = next(cell.parameters(), torch.zeros(()))
        state = cell.initial_state(weight.new_zeros(1, 1, cell.input_size))
        if not all(tensor.is_floating_point() for tensor in state):
            raise ValueError(
                f"{type(cell).__name__} has whole numbers in its state, in which no loss has a derivative"
            )
        self.shapes = [tensor.shape[1:] for tensor in state]
        self.sizes = [shape.numel() for shape in self.shapes]
        super().__init__(cell, beside=sum(self.sizes), hidden_size=sum(self.sizes))

    def step(self, inputs: Tensor, state: State) -> State:
        x, nudge = inputs[:, : self.cell.input_size], inputs[:, self.cell.input_size :]
        return (self.joined(self.cell.step(x, self.parted(state[0]))) + nudge,)

    def initial_state(self, inputs: Tensor) -> State:
        return (self.joined(self.cell.initial_state(inputs[..., : self.cell.input_size])),)

    def joined(self, state: State) -> Tensor:
        """(batch, hidden_size), which is here all that the state has."""
        flat = [tensor if tensor.dim() == 2 else tensor.flatten(1) for tensor in state]
        return flat[0] if len(flat) == 1 else torch.cat(flat, dim=1)

    def parted(self, joined: Tensor) -> State:
        """The tensors of the cell's state."""
        if len(self.shapes) == 1 and len(self.shapes[0]) == 1:
            return (joined,)
        parts = zip(joined.split(self.sizes, dim=1), self.shapes, strict=True)
        return tuple(part if len(shape) == 1 else part.unflatten(1, shape) for part, shape in parts)


class Trajectory:
    """The states and the outputs of a batch. In training, units are dropped as `SequenceModel.forward` drops them.

    A layer's s_t is all that its cell carries. A copy of it goes to the next step and to the readout. So a derivative
    in the copy counts what comes of s_t later, and not what the layer above makes of it within the same step.

    Args:
        model: Whose layers are unrolled.
        inputs: (batch, seq_len, input_size).
        last: Answered steps.
        states: Where each layer starts; its initial state by default.

    Attributes:
        before: s_0 to s_{T-1} of each layer, (batch, seq_len, size).
        nudges: What to take a derivative in for that in s_1 to s_T; zeros of the same shapes.
        outputs: At the answered steps, (batch, last, output_size).
        ends: Each layer's last state.
    """

    def __init__(
        self, model: SequenceModel, inputs: Tensor, last: int, states: Sequence[State] | None = None
    ) -> None:
        self.inputs, self._kept = inputs, 1 - model.dropout
        self._cells, self._masks = wrapped(Nudged, model), model.drawn_masks(inputs)
        self.before, self.nudges, self.ends = list[Tensor](), list[Tensor](), list[State]()
        below, top = inputs, inputs
        for depth, cell in enumerate(self._cells):
            below = self._dropped(depth, below, self._masks)
            zeros = below.new_zeros(*below.shape[:2], cell.hidden_size, requires_grad=True)
            start = cell.initial_state(below)
            if states is not None:
                start = (cell.joined(states[depth]),)
            path, end = cell(torch.cat([below, zeros], dim=2), start)
            self.nudges.append(zeros)
            self.ends.append(cell.parted(end[0]))
            self.before.append(torch.cat([start[0].unsqueeze(1), path[:, :-1]], dim=1))
            top = path[..., : cell.cell.hidden_size]
            below = top - zeros[..., : cell.cell.hidden_size]
        self.outputs = model.read_out(top[:, -last:])

    def linearized(self, before: Sequence[Tensor]) -> list[Tensor]:
        """s_t of each layer by `Cell.linearized`, of all steps at once.

        Args:
            before: s_{t-1} of each layer, (batch * seq_len, size).
        """
        below, *masks = (each.flatten(0, 1) for each in (self.inputs, *self._masks))
        after = list[Tensor]()
        for depth, (cell, state) in enumerate(zip(self._cells, before, strict=True)):
            below = self._dropped(depth, below, masks)
            stepped = cell.cell.linearized(below, cell.parted(state))
            after.append(cell.joined(stepped))
            below = stepped[0]
        return after

    def _dropped(self, depth: int, below: Tensor, masks: Sequence[Tensor]) -> Tensor:
        """What a layer reads of the one below it."""
        return below * masks[depth - 1] / self._kept if masks and depth else below
