"""The arrays that one run of a scan goes through, and the table of their addresses."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from rnnlab.kernels.compiled.program import Array, Program, address
from rnnlab.kernels.compiled.step.reads import Reads


class Kind(NamedTuple):
    """Of runs that can share a memory.

    Args:
        batch: Sequences.
        features: Of an input.
        keep: Whether the way back is to follow.
        all_steps: Whether the hidden states of all steps are wanted.
    """

    batch: int
    features: int
    keep: bool
    all_steps: bool


class Memory:
    """Runs of a program over so many sequences, one after another, each of up to `most` steps.

    A small network waits for Python longer than for its loops. So arrays and addresses stay from one run
    to the next; what leaves is made anew, as the hidden states of all steps are.

    Args:
        program: What runs.
        kind: Of runs.
        most: Steps.
    """

    def __init__(self, program: Program, kind: Kind, most: int) -> None:
        self.program, self.plan, self.kind, self.most = program, program.plan, kind, most
        self.dtype = getattr(torch, program.dtype)
        self.longest = min(most, program.chunk(kind.batch))
        self.table, self._rooms = program.table(), list[Array]()
        self._given: list[Tensor] = []  # others' numbers, which are read where they are
        self._room_for_x: Array | None = None
        self._leaving: Array | None = None  # the hidden states, which the way back reads
        self._set_numbers()
        self._own_arrays()
        self._look_up(program.place, program.reads)

    def _set_numbers(self) -> None:
        """Sizes that are the same in each run."""
        kind = self.kind
        rest = self.most + 1 if kind.keep else 2
        numbers = {"batch": kind.batch, "features": kind.features, "keep": int(kind.keep)}
        numbers |= {"longest": self.longest, "rest": rest, "ring": rest}
        for name, number in numbers.items():
            self.table[self.program.place[name]] = number

    def _own_arrays(self) -> None:
        """Room for all that stays here."""
        plan, kind, reads = self.plan, self.kind, self.program.reads
        steps = self.most if kind.keep else 1
        for k, width in enumerate(plan.states):
            if k or not kind.all_steps:
                self.make(f"S{k}", steps + 1, kind.batch, width)
        for k, width in enumerate(plan.kept_widths):
            self.make(f"V{k}", steps, kind.batch, width)
        for k in reads.of_inputs:
            self.make(f"R{k}", self.longest, kind.batch, plan.rows[k])
        for name, sizes in reads.parameters:
            self.make(name, *sizes)
        for node, name in plan.forward.rooms.items():
            self.make(name, kind.batch, node.width)

    def _look_up(self, place: dict[str, int], reads: Reads) -> None:
        """Where in the table goes what each run has anew."""
        first = len(reads.parameters)
        self._parameters = [place[f"p{at}"] for at in range(first)]
        self._rows = [place[f"R{k}"] for k in reads.rows]
        self._turned_rows = reads.turned[first : first + len(reads.rows)]
        self._plain = [place[f"R{k}"] for k in reads.plain]
        states = range(len(self.plan.states))
        self._first, self._last = ([place[f"{one}{k}"] for k in states] for one in "sl")
        self._x, self._gathered = place["X"], place["F"]
        self._strides = [place[name] for name in ("xsequence", "xstep", "xfeature")]
        self._steps, self._ring, self._hidden = place["steps"], place["ring"], place["S0"]

    def make(self, name: str, *sizes: int) -> None:
        """Room that stays, by its name in the table."""
        room = np.empty(sizes, self.program.dtype)
        self._rooms.append(room)
        self.table[self.program.place[name]] = address(room)

    @property
    def numbers(self) -> int:
        """About how many it holds, those of the way back with them."""
        plan, steps = self.plan, self.most * (self.kind.keep or self.kind.all_steps)
        widths = sum(plan.states) + sum(plan.kept_widths) + sum(plan.stored_widths)
        rows = self.kind.features + sum(plan.rows.values())
        for_each = self.most * rows + steps * widths
        weights = sum(rows * columns for _, (rows, columns) in self.program.reads.parameters)
        return self.kind.batch * for_each + 2 * weights

    def forget(self) -> None:
        """Let go of what is others': inputs, rows that torch has made, hidden states of all steps."""
        self._given.clear()
        self._leaving = None

    def run(self, inputs: Tensor, tensors: Sequence[Tensor]) -> tuple[Tensor | None, list[Tensor]]:
        """The hidden states of all steps, or None; and the last states.

        Args:
            inputs: Of up to `most` steps.
            tensors: What is read besides, in the order of `Reads`.
        """
        table, steps = self.table, inputs.size(1)
        table[self._steps] = steps
        self._load_inputs(inputs)
        rows = len(self._parameters)
        states = rows + len(self._rows)
        self._load_rows(tensors[rows:states])
        copied = []  # which live until they are
        for place, tensor in zip(self._parameters, tensors, strict=False):
            copied.append(tensor.contiguous())
            table[place] = copied[-1].data_ptr()
        last = []
        for place, end, width, state in zip(
            self._first, self._last, self.plan.states, tensors[states:], strict=True
        ):
            copied.append(state.contiguous())
            table[place] = copied[-1].data_ptr()
            last.append(torch.empty(self.kind.batch, width, dtype=self.dtype))
            table[end] = last[-1].data_ptr()
        hidden = self._room_for_hidden(steps) if self.kind.all_steps else None
        self.program.there(table)
        return hidden, last

    def _room_for_hidden(self, steps: int) -> Tensor:
        """For those of all steps, which leave."""
        states = np.empty((steps + 1, self.kind.batch, self.plan.states[0]), self.program.dtype)
        self.table[self._ring], self.table[self._hidden] = steps + 1, address(states)
        self._leaving = states
        # numpy's view: torch lets nobody change one of its own that a function returns
        return torch.from_numpy(states[1:].transpose(1, 0, 2))

    def _load_rows(self, rows: Sequence[Tensor]) -> None:
        for place, tensor, turned in zip(self._rows, rows, self._turned_rows, strict=True):
            self.table[place] = self._read((tensor.T if turned else tensor).detach())

    def _read(self, tensor: Tensor) -> int:
        """The address of numbers that are read where they are, on the way back too."""
        self._given.append(tensor.contiguous())
        return self._given[-1].data_ptr()

    def _load_inputs(self, x: Tensor) -> None:
        """As (steps, batch, features), in one piece."""
        steps_first = x.detach().transpose(0, 1)
        if steps_first.is_contiguous():
            where, given = self._read(steps_first), 0
        else:
            if self._room_for_x is None:
                sizes = self.most, self.kind.batch, self.kind.features
                self._room_for_x = np.empty(sizes, self.program.dtype)
            where, given = address(self._room_for_x), x.data_ptr()
            for place, stride in zip(self._strides, x.stride(), strict=True):
                self.table[place] = stride
        for place in (self._x, *self._plain):
            self.table[place] = where
        self.table[self._gathered] = given
