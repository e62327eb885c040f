"""The state that a run carries from one batch to the next."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from rnnlab.cells.cell import Cell, State
from rnnlab.cells.sequence_model import SequenceModel


class Carried:
    """Carries the last states of a batch to the next one, a row of the batch each.

    Args:
        model: Whose state it is.
        rows: Of a batch.
        batches: After so many, all rows begin anew.

    Attributes:
        states: Of each layer, without a gradient; None: its initial state. They are replaced, never changed in place.
    """

    def __init__(self, model: SequenceModel, rows: int, batches: int) -> None:
        self.model, self.rows, self.batches = model, rows, batches
        self.states: list[State] | None = None

    def begin(self, update: int) -> None:
        """Set the states that this update's batch begins with."""
        if update % self.batches == 0:
            self.states = None
        elif self.states is not None:  # on the model's device, which a checkpoint's are not
            self.states = _like(self._initial(), self.states, copy=False)

    def keep(self, ends: Sequence[State]) -> None:
        """The last states of a batch, in memory of their own and in the precision of the first ones."""
        self.states = _like(self._initial(), ends, copy=True)

    def read(self, stored: Any) -> list[State] | None:
        """The states that a checkpoint has; None where it has none, or has other rows.

        With another number of rows each reads another part of the data, and begins anew.

        Raises:
            ValueError: If they are of another model, or no states.
        """
        if stored is None:
            return None
        wanted = [[tensor.shape[1:] for tensor in state] for state in self._initial()]
        try:
            found = [[tensor.shape[1:] for tensor in state] for state in stored]
            rows = {len(tensor) for state in stored for tensor in state}
        except (TypeError, AttributeError) as error:
            raise ValueError("its carried states are no tensors") from error
        if found != wanted or len(rows) != 1:
            raise ValueError("its carried states are not those of this model")
        return [tuple(state) for state in stored] if rows == {self.rows} else None

    def _initial(self) -> list[State]:
        """Those of each layer; a layer looks at the device and the precision of its inputs alone."""
        weight = next(self.model.parameters()).detach()
        layers: list[Cell] = list(self.model.layers)  # pyrefly: ignore[bad-assignment]
        return [
            cell.initial_state(weight.new_zeros(self.rows, 1, cell.input_size)) for cell in layers
        ]


def _like(first: Sequence[State], states: Sequence[State], copy: bool) -> list[State]:
    return [
        tuple(_to(tensor, like, copy) for tensor, like in zip(state, likes, strict=True))
        for state, likes in zip(states, first, strict=True)
    ]


def _to(tensor: Tensor, like: Tensor, copy: bool) -> Tensor:
    return tensor.detach().to(like, copy=copy)
