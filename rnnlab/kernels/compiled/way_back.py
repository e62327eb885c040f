"""The gradient of a run, from what arrives at its states."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from rnnlab.kernels.compiled.memory import Memory
from rnnlab.kernels.recurrence import written_out

NOBODYS = 0
"""An address where nothing is to be written."""


class TensorGradient(NamedTuple):
    """Of one tensor, as a run makes it.

    Args:
        place: Of its address in the table; None if there is none.
        columns: How many it is made with, where these are others than its tensor has.
        turned: Whether it is then the tensor's, transposed.
    """

    place: int | None
    columns: int | None = None
    turned: bool = False


class WayBack:
    """Goes back over what a memory has run through.

    Args:
        memory: Of runs that keep what the way back needs.
    """

    def __init__(self, memory: Memory) -> None:
        self.memory, self.program, self.table = memory, memory.program, memory.table
        self._own_arrays()
        place, states = self.program.place, range(len(self.program.plan.states))
        self._above, self._of_x = place["G"], place["Y"]
        self._arrived = [place[f"g{k}"] for k in states]
        of_states = [TensorGradient(place[f"d{k}"]) for k in states]
        self._gradients = [*self._of_parameters(), *self._of_rows(), *of_states]
        self._others = [at for at, one in enumerate(self._gradients) if one.columns is not None]

    def _own_arrays(self) -> None:
        """Room for all that stays here."""
        memory, plan, reads = self.memory, self.program.plan, self.program.reads
        batch, longest = memory.kind.batch, memory.longest
        for k, width in enumerate(plan.states):
            memory.make(f"C{k}", batch, width)
            memory.make(f"D{k}", batch, width)
        for k, width in enumerate(plan.stored_widths):
            memory.make(f"E{k}", longest, batch, width)
        for k, sizes in plan.sum_sizes.items():
            memory.make(f"A{k}", longest, *sizes)
        for k, sizes in plan.matrices.items():
            memory.make(f"u{k}", *sizes)
        for k in reads.of_inputs:
            memory.make(f"y{k}", memory.kind.features, plan.rows[k])
        for node, name in plan.backward.rooms.items():
            memory.make(name, batch, node.width)

    def _of_parameters(self) -> list[TensorGradient]:
        plan, reads, place = self.program.plan, self.program.reads, self.program.place
        made = {f"q{k}" for k in plan.sum_sizes} | {f"w{one.matrix}" for one in plan.products}
        made |= {f"v{k}" for k in plan.row_gradients}
        found = []
        for at, (name, (rows, columns)) in enumerate(reads.parameters):
            sizes = plan.sum_sizes.get(int(name[1:])) if name[0] == "q" else None
            if name not in made:
                found.append(TensorGradient(None))
            elif sizes and (reads.turned[at] or sizes[0] * sizes[1] != rows * columns):
                found.append(TensorGradient(place[f"n{at}"], sizes[1], reads.turned[at]))
            else:
                found.append(TensorGradient(place[f"n{at}"]))
        return found

    def _of_rows(self) -> list[TensorGradient]:
        plan, reads, place = self.program.plan, self.program.reads, self.program.place
        turned = reads.turned[len(reads.parameters) :]
        return [
            TensorGradient(place[f"e{k}"], plan.rows[k] if turns else None, turns)
            if k in plan.row_gradients
            else TensorGradient(None)
            for k, turns in zip(reads.rows, turned, strict=False)
        ]

    def run(
        self,
        above: Tensor | None,
        last: Sequence[Tensor | None],
        inputs: Tensor | None,
        tensors: Sequence[Tensor],
        needs: Sequence[bool],
    ) -> tuple[Tensor | None, list[Tensor | None]]:
        """The gradients of the inputs, and of the tensors.

        Args:
            above: What arrives at each h_t, (batch, seq_len, width).
            last: What arrives at the last states.
            inputs: Where somebody needs their gradient.
            tensors: What the run has read, in the order of `Reads`.
            needs: Of which of them somebody needs the gradient.
        """
        table, kept = self.table, []
        for place, tensor in zip(self._arrived, last, strict=True):
            table[place] = NOBODYS if tensor is None else _address(tensor, kept)
        table[self._above] = NOBODYS if above is None else _address(above.transpose(0, 1), kept)
        of_x = None
        if inputs is not None:
            of_x = torch.empty_like(inputs.transpose(0, 1), memory_format=torch.contiguous_format)
        table[self._of_x] = NOBODYS if of_x is None else of_x.data_ptr()
        found = self._rooms(tensors, needs)
        self.program.back(table)
        for at in self._others:
            found[at] = _as_it_lies(found[at], self._gradients[at].turned, tensors[at])
        return None if of_x is None else of_x.transpose(0, 1), found

    def _rooms(self, tensors: Sequence[Tensor], needs: Sequence[bool]) -> list[Tensor | None]:
        """For the gradients that somebody needs."""
        found: list[Tensor | None] = []
        for (place, columns, _), tensor, need in zip(self._gradients, tensors, needs, strict=True):
            room = None
            if place is not None:
                if need:
                    shape = (
                        tensor.shape
                        if columns is None
                        else (-(-tensor.numel() // columns), columns)
                    )
                    room = torch.empty(shape, dtype=tensor.dtype)
                self.table[place] = NOBODYS if room is None else room.data_ptr()
            found.append(room)
        return found


def _address(tensor: Tensor, kept: list[Tensor]) -> int:
    """Of numbers in one piece, which live as long as `kept` does."""
    kept.append(written_out(tensor).contiguous())
    return kept[-1].data_ptr()


def _as_it_lies(gradient: Tensor | None, turned: bool, tensor: Tensor) -> Tensor | None:
    """Of a tensor's shape; of a number that was spread, the sum."""
    if gradient is None:
        return None
    if gradient.numel() != tensor.numel():
        gradient = gradient.sum(dim=-1)
    return (gradient.T if turned else gradient).reshape(tensor.shape)
