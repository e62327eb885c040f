"""The gradient of a program's run, from what arrives at its states."""

from dataclasses import dataclass, field

import numpy as np

from rnnlab.kernels.compiled.program import Array, Inputs, Program, flat


@dataclass
class Wanted:
    """Which gradients somebody needs; of the others no product is made."""

    x: bool
    matrices: set[int]
    of_inputs: set[int]


@dataclass
class Found:
    """The gradients, by the same numbers as in `Inputs`."""

    x: Array | None
    vectors: dict[int, Array]
    states: list[Array]
    matrices: dict[int, Array] = field(default_factory=dict)
    of_inputs: dict[int, Array] = field(default_factory=dict)
    rows: dict[int, Array] = field(default_factory=dict)


class WayBack:
    """Goes back over the chunks of one run.

    Args:
        program: What ran.
        given: On what.
        states: That it went through.
        kept: That it kept.
    """

    def __init__(
        self, program: Program, given: Inputs, states: list[Array], kept: list[Array]
    ) -> None:
        self.program, self.given, self.plan = program, given, program.plan
        self.states, self.kept = states, kept

    def run(self, above: Array | None, last: list[Array], wanted: Wanted) -> Found:
        """From what arrives at each h_t, (steps, batch, width), and at the last states, which it uses up."""
        plan, program, given = self.plan, self.program, self.given
        x = np.zeros_like(given.x) if wanted.x else None
        totals = {k: np.zeros(size, program.dtype) for k, size in plan.sum_sizes.items()}
        found = Found(x, totals, last)
        for k, row in given.rows.items():
            if k in plan.row_gradients:
                found.rows[k] = np.empty_like(row)
        before = [np.empty_like(array) for array in last]
        vectors = [given.vectors[k] for k in plan.vectors]
        turned = [np.ascontiguousarray(given.matrices[k].T) for k in plan.matrices]
        chunks = program.chunks(given)
        room = program.empty(
            max((b - a for a, b in chunks), default=0), given.batch, plan.stored_widths
        )
        for begin, end in reversed(chunks):
            stored = [array[: end - begin] for array in room]
            rows = program.rows(given, begin, end, [*plan.reads_rows])
            sums = {  # of each step, or what is added last would be rounded as all before it are large
                k: np.zeros((end - begin, *size), program.dtype)
                for k, size in plan.sum_sizes.items()
            }
            h = self.states[0] if above is None else np.ascontiguousarray(above[begin:end])
            numbers = (begin, end, given.batch, 1, 0, 0, int(above is not None))
            carried = [a for pair in zip(found.states, before, strict=True) for a in pair]
            shared = [*self.states, *rows, *self.kept, *vectors, *turned]
            program.backward(numbers, [*shared, h, *carried, *stored, *sums.values()])
            for k, of_steps in sums.items():
                found.vectors[k] += of_steps.sum(axis=0)
            if (end - begin) % 2:
                found.states, before = before, found.states
            by_number = dict(zip(plan.rows, rows, strict=True))
            chunk = _Chunk(begin, end, self.states, self.kept, stored, by_number)
            self._products(found, wanted, chunk)
            self._of_rows(found, wanted, chunk)
        return found

    def _products(self, found: Found, wanted: Wanted, chunk: "_Chunk") -> None:
        """Add a chunk's part of the gradients that are products over all rows."""
        for product in self.plan.products:
            if product.matrix in wanted.matrices:
                left, right = flat(chunk.rows(product.left)), flat(chunk.rows(product.right))
                # a weight is mostly read transposed, and its gradient then lies as the weight does
                _add(found.matrices, product.matrix, right.T.dot(left).T)

    def _of_rows(self, found: Found, wanted: Wanted, chunk: "_Chunk") -> None:
        """Pass on what arrives at the rows that no state reaches."""
        begin, end = chunk.begin, chunk.end
        for k, place in self.plan.row_gradients.items():
            e = chunk.rows(place)
            if k in self.given.rows:
                found.rows[k][begin:end] = e
                continue
            if k in wanted.of_inputs:
                _add(found.of_inputs, k, flat(self.given.x[begin:end]).T.dot(flat(e)))
            if found.x is not None:
                part = found.x[begin:end]
                part += flat(e).dot(self.given.of_inputs[k].T).reshape(part.shape)


@dataclass
class _Chunk:
    """The arrays of some steps."""

    begin: int
    end: int
    states: list[Array]
    kept: list[Array]
    stored: list[Array]
    of_inputs: dict[int, Array]

    def rows(self, place: str) -> Array:
        """All rows of these steps, of what the plan has at this place."""
        name, _, step = place.partition("[")
        letter, number = name[0], int(name[1:])
        if letter == "S":
            late = step == "t + 1]"
            return self.states[number][self.begin + late : self.end + late]
        if letter == "V":
            return self.kept[number][self.begin : self.end]
        return self.stored[number] if letter == "E" else self.of_inputs[number]


def _add(found: dict[int, Array], key: int, value: Array) -> None:
    if key in found:
        found[key] += value
    else:
        found[key] = value
