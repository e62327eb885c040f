"""The arrays that one run of a scan goes through, and the tables of their addresses."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from rnnlab.kernels.compiled.program import Array, Compiled, Program, Table, address, flat

NOTHING = np.empty((0, 0, 0))


@dataclass(frozen=True)
class Reads:
    """What a scan reads besides the inputs: tensors in this order, by the numbers that the plan has.

    Args:
        vectors: Each (width,), or some of them one below the other.
        matrices: Of products with states.
        of_inputs: Matrices that x is multiplied with, by the number of the rows that it makes.
        rows: Other rows, each (steps * batch, width). The states before the first step come last.
        plain: Which rows are the inputs themselves.
        turned: For each tensor, whether it is read transposed.
    """

    vectors: list[int]
    matrices: list[int]
    of_inputs: list[int]
    rows: list[int]
    plain: list[int]
    turned: list[bool]


@dataclass(frozen=True)
class Kind:
    """Of runs that can share a memory.

    Args:
        batch: Sequences.
        keep: Whether the way back is to follow.
        all_steps: Whether the hidden states of all steps are wanted.
    """

    batch: int
    keep: bool
    all_steps: bool


class Memory:
    """Runs of a program over so many sequences, one after another, each of up to `most` steps.

    A small network waits for Python longer than for its loops. So arrays and addresses stay from one run
    to the next; what leaves is made anew, as the hidden states of all steps are.

    Args:
        program: Whose loops run.
        reads: What they read.
        kind: Of runs.
        most: Steps.
    """

    def __init__(self, program: Program, reads: Reads, kind: Kind, most: int) -> None:
        self.program, self.plan, self.reads, self.kind = program, program.plan, reads, kind
        self.most = most
        self.longest = min(most, program.chunk(kind.batch))
        self.ring = most + 1 if kind.keep or kind.all_steps else 2
        self.rest = most + 1 if kind.keep else 2
        first, *others = self.plan.states
        self.states = [self.room(self.ring, first), *(self.room(self.rest, w) for w in others)]
        kept = most if kind.keep else 1
        self.kept = [self.room(kept, width) for width in self.plan.kept_widths]
        self.rows = {k: self.room(self.longest, self.plan.rows[k]) for k in reads.of_inputs}
        self._starts = {k: address(array) for k, array in self.rows.items()}
        self._x: Array | None = None  # room for the inputs, where they do not lie steps first
        self._seen: dict[int, tuple[tuple[Any, ...], Array]] = {}
        self.of_inputs: dict[int, Array] = {}
        self._copies: dict[int, tuple[Array, int]] = {}
        self._rooms: list[Array] = []
        self.forward = self.table(program.forward)
        names = [f"q{k}" for k in reads.vectors] + [f"w{k}" for k in reads.matrices]
        self._parameters = [self.forward.place[name] for name in names]
        self._first_state = self.forward.place["S0"]
        self._foreign = [*reads.plain, *reads.rows]
        self.x = NOTHING

    def room(self, steps: int, width: int) -> Array:
        """For a number a step, sequence and column."""
        return np.empty((steps, self.kind.batch, width), self.program.dtype)

    @property
    def numbers(self) -> int:
        """How many it holds at most, those of the way back with them, for each sequence."""
        plan, steps = self.plan, self.most * (self.kind.keep or self.kind.all_steps)
        widths = sum(plan.states) + sum(plan.kept_widths) + sum(plan.stored_widths)
        return self.most * sum(plan.rows.values()) + steps * widths

    def forget(self) -> None:
        """Let go of what is others' by now: inputs, rows that torch has made, hidden states of all steps."""
        for k in self._foreign:
            self.rows.pop(k, None)
        self.x = NOTHING
        if self.kind.all_steps:
            self.states[0] = NOTHING

    def table(self, compiled: Compiled) -> Table:
        """Of one of the loops, with what is the same at each run."""
        table = Table(compiled)
        rooms = {name: self.room(1, width) for name, width in compiled.rooms.items()}
        self._rooms += rooms.values()
        numbers = ("batch", self.kind.batch), ("keep", int(self.kind.keep))
        for name, number in (*numbers, ("ring", self.ring), ("rest", self.rest)):
            table.set(name, number)
        arrays = {f"S{k}": array for k, array in enumerate(self.states)}
        arrays |= {f"V{k}": array for k, array in enumerate(self.kept)} | rooms
        for name, array in arrays.items():
            table.set(name, address(array))
        return table

    def load(self, inputs: Tensor, tensors: Sequence[Tensor]) -> None:
        """Take what a run is given: the inputs, of up to `most` steps, and the tensors in the order of `reads`."""
        reads, steps = self.reads, inputs.size(1)
        self.steps, self.chunks = steps, self.program.chunks(steps, self.kind.batch)
        self._load_inputs(inputs.detach().numpy())
        entries, first = self.forward.entries, len(self._parameters)
        for at, place in enumerate(self._parameters):
            entries[place] = self._place(at, tensors[at])
        for at, k in enumerate(reads.of_inputs, first):
            self.of_inputs[k] = self._array(at, tensors[at])
        for at, k in enumerate(reads.rows, first + len(reads.of_inputs)):
            array = tensors[at].detach().numpy()
            array = np.ascontiguousarray(array.T if reads.turned[at] else array)
            self._set_rows(k, array.reshape(steps, self.kind.batch, -1))
        if self.kind.all_steps:
            self.states[0] = self.room(steps + 1, self.plan.states[0])
            entries[self._first_state] = address(self.states[0])
        for array, state in zip(self.states, tensors[-len(self.states) :], strict=True):
            array[0] = state.detach().numpy()

    def run(self) -> None:
        """All steps, from the states that were loaded."""
        for begin, end in self.chunks:
            self.set_chunk(self.forward, begin, end)
            if self.of_inputs:
                self._multiply(begin, end, self.of_inputs)
            self.forward.run()

    def last(self) -> list[Array]:
        """The states after the last step."""
        return [array[self.steps % len(array)].copy() for array in self.states]

    def make_rows(self, begin: int, end: int) -> None:
        """What the way back reads of a chunk, if another has been there since."""
        if len(self.chunks) > 1:
            self._multiply(begin, end, self.plan.reads_rows & self.of_inputs.keys())

    def set_chunk(self, table: Table, begin: int, end: int) -> None:
        """From which step to which, and where Z is there."""
        table.set("begin", begin)
        table.set("end", end)
        for k, start in self._starts.items():
            first = 0 if k in self.of_inputs else begin
            table.set(f"Z{k}", start + first * self.rows[k].strides[0])

    def matrix(self, number: int) -> Array:
        """As the run has read it, of a product with a state; the parameter may have other numbers since."""
        return self._seen[len(self.reads.vectors) + number][1]

    def _array(self, at: int, tensor: Tensor) -> Array:
        """Of parameter number `at`, transposed if it is read so; that of the last run, if its numbers lie there still.

        Which keeps them: a parameter is given others by `.data =`.
        """
        where = tensor.data_ptr(), tensor.stride(), tensor.shape
        seen = self._seen.get(at)
        if seen is None or seen[0] != where:
            array = tensor.detach().numpy()
            seen = self._seen[at] = where, array.T if self.reads.turned[at] else array
        return seen[1]

    def _place(self, at: int, tensor: Tensor) -> int:
        """The address of a parameter's numbers, row by row; of a copy, where they do not lie so."""
        array = self._array(at, tensor)
        if not self.reads.turned[at] and tensor.is_contiguous():
            return tensor.data_ptr()
        if at not in self._copies:
            copy = np.empty(array.shape, array.dtype)
            self._copies[at] = copy, address(copy)
        copy, where = self._copies[at]
        np.copyto(copy, array)
        return where

    def _load_inputs(self, x: Array) -> None:
        """As (steps, batch, features), in one piece."""
        turned = x.transpose(1, 0, 2)
        if turned.flags.c_contiguous:
            self.x = turned
        else:
            if self._x is None:
                self._x = self.room(self.most, x.shape[2])
            self.x = self._x[: self.steps]
            if x.shape[2] >= 8:
                np.copyto(self.x, turned)
            else:
                for feature in range(x.shape[2]):  # in less time than as many twos and threes
                    self.x[:, :, feature] = turned[:, :, feature]
        for k in self.reads.plain:
            self._set_rows(k, self.x)

    def _set_rows(self, k: int, array: Array) -> None:
        self.rows[k], self._starts[k] = array, address(array)

    def _multiply(self, begin: int, end: int, only: Iterable[int]) -> None:
        """What no state reaches, of a chunk of steps."""
        with np.errstate(all="ignore"):
            for k in only:
                room = flat(self.rows[k][: end - begin])
                np.dot(flat(self.x[begin:end]), self.of_inputs[k], out=room)
