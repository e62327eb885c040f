"""The gradient of a run, from what arrives at its states."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from rnnlab.kernels.compiled.memory import Memory
from rnnlab.kernels.compiled.program import Array, Table, address, flat


@dataclass
class Wanted:
    """Which gradients somebody needs; of the others no product is made."""

    x: bool
    matrices: set[int]
    of_inputs: set[int]


@dataclass
class Found:
    """The gradients, by the same numbers as in `Reads`."""

    x: Array | None
    vectors: dict[int, Array] = field(default_factory=dict)
    states: list[Array] = field(default_factory=list)
    matrices: dict[int, Array] = field(default_factory=dict)
    of_inputs: dict[int, Array] = field(default_factory=dict)
    rows: dict[int, Array] = field(default_factory=dict)


class WayBack:
    """Goes back over the chunks of what a memory has run through.

    Args:
        memory: Of runs that keep what the way back needs.
    """

    def __init__(self, memory: Memory) -> None:
        self.memory, self.plan = memory, memory.plan
        states, longest = self.plan.states, memory.longest
        self.arrived = [memory.room(1, width)[0] for width in states]
        self.before = [memory.room(1, width)[0] for width in states]
        self.stored = [memory.room(longest, width) for width in self.plan.stored_widths]
        self.sums = {
            k: np.empty((longest, *size), memory.program.dtype)
            for k, size in self.plan.sum_sizes.items()
        }
        self.ones = np.ones(longest, memory.program.dtype)
        self.table = self._table()
        here, there = self.table.place, memory.forward.place
        self._shared = [(here[n], there[n]) for n in ("S0", *(f"q{k}" for k in self.plan.vectors))]
        self._matrices = [here[f"u{k}"] for k in self.plan.matrices]
        self._carried = [
            (f"C{k}", f"D{k}", address(c), address(d))
            for k, (c, d) in enumerate(zip(self.arrived, self.before, strict=True))
        ]

    def _table(self) -> Table:
        table = self.memory.table(self.memory.program.backward)
        arrays = {f"E{k}": array for k, array in enumerate(self.stored)}
        arrays |= {f"A{k}": array for k, array in self.sums.items()}
        for name, array in arrays.items():
            table.set(name, address(array))
        return table

    def load(self, last: Sequence[Array | None]) -> None:
        """Take what the run has read, and what arrives at the last states."""
        memory, entries, there = self.memory, self.table.entries, self.memory.forward.entries
        for place, other in self._shared:
            entries[place] = there[other]
        self._turned = []  # which has to live as long as the loop may read it
        for number, place in enumerate(self._matrices):
            self._turned.append(np.ascontiguousarray(memory.matrix(number).T))
            entries[place] = address(self._turned[-1])
        for room, gradient in zip(self.arrived, last, strict=True):
            if gradient is None:
                room.fill(0)
            else:
                np.copyto(room, gradient)

    def run(self, above: Array | None, wanted: Wanted) -> Found:
        """From what was loaded, and from what arrives at each h_t, (steps, batch, width)."""
        memory = self.memory
        found = Found(np.zeros_like(memory.x) if wanted.x else None)
        for k in self.plan.row_gradients:
            if k not in memory.of_inputs:
                found.rows[k] = np.empty_like(memory.rows[k])
        self.table.set("above", int(above is not None))
        steps = 0
        for begin, end in reversed(memory.chunks):
            self._chunk(begin, end, None if above is None else above[begin:end], steps % 2 == 1)
            steps += end - begin
            self._sum(found, end - begin)
            self._products(found, wanted, begin, end)
            self._of_rows(found, wanted, begin, end)
        found.states = [array.copy() for array in (self.before if steps % 2 else self.arrived)]
        return found

    def _chunk(self, begin: int, end: int, above: Array | None, swapped: bool) -> None:
        """Run the loop over these steps; after an odd number of steps what is carried lies in the other room."""
        self.memory.make_rows(begin, end)
        self.memory.set_chunk(self.table, begin, end)
        for arrived, before, *places in self._carried:
            c, d = reversed(places) if swapped else places
            self.table.set(arrived, c)
            self.table.set(before, d)
        h = None if above is None else np.ascontiguousarray(above)  # which lives until it has run
        if h is not None:
            self.table.set("H", address(h))
        for array in self.sums.values():
            array.fill(0)
        self.table.run()

    def _sum(self, found: Found, steps: int) -> None:
        """Sums of each step, or what is added last would be rounded as all before it are large; then of all."""
        for k, array in self.sums.items():
            total = self.ones[:steps].dot(array[:steps].reshape(steps, -1))
            _add(found.vectors, k, total.reshape(array.shape[1:]))

    def _products(self, found: Found, wanted: Wanted, begin: int, end: int) -> None:
        """Add a chunk's part of the gradients that are products over all rows."""
        for product in self.plan.products:
            if product.matrix in wanted.matrices:
                left = flat(self._rows(product.left, begin, end))
                right = flat(self._rows(product.right, begin, end))
                # a weight is mostly read transposed, and its gradient then lies as the weight does
                _add(found.matrices, product.matrix, right.T.dot(left).T)

    def _of_rows(self, found: Found, wanted: Wanted, begin: int, end: int) -> None:
        """Pass on what arrives at the rows that no state reaches."""
        memory = self.memory
        for k, place in self.plan.row_gradients.items():
            e = self._rows(place, begin, end)
            if k not in memory.of_inputs:
                found.rows[k][begin:end] = e
                continue
            if k in wanted.of_inputs:
                _add(found.of_inputs, k, flat(memory.x[begin:end]).T.dot(flat(e)))
            if found.x is not None:
                part = found.x[begin:end]
                part += flat(e).dot(memory.of_inputs[k].T).reshape(part.shape)

    def _rows(self, place: str, begin: int, end: int) -> Array:
        """All rows of these steps, of what the plan has at this place."""
        name, _, step = place.partition("[")
        letter, number, memory = name[0], int(name[1:]), self.memory
        if letter == "S":
            late = step == "t + 1]"
            return memory.states[number][begin + late : end + late]
        if letter == "V":
            return memory.kept[number][begin:end]
        if letter == "E":
            return self.stored[number][: end - begin]
        rows = memory.rows[number]
        return rows[: end - begin] if number in memory.of_inputs else rows[begin:end]


def _add(found: dict[int, Array], key: int, value: Array) -> None:
    if key in found:
        found[key] += value
    else:
        found[key] = value
