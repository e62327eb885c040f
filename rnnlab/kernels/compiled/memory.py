"""The arrays that one run of a scan goes through, and the table of their addresses."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rnnlab.kernels.compiled.program import Array, Program, address


@dataclass(frozen=True)
class Kind:
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
        self._given: list[Tensor] = []  # others', which have to live until the way back is over
        self._own_arrays()
        reads, place = program.reads, program.place
        given = [f"p{at}" for at in range(len(reads.parameters))]
        self._tensors = [place[name] for name in given]
        self._states = range(len(self.plan.states))
        self._first = [place[f"s{k}"] for k in self._states]
        self._last = [place[f"l{k}"] for k in self._states]
        self._x, self._gathered = place["X"], place["F"]
        self._strides = [place[name] for name in ("xstep", "xsequence", "xfeature")]
        self._steps, self._ring, self._hidden = place["steps"], place["ring"], place["S0"]
        self._rows = [(place[f"R{k}"], turned) for k, turned in self._turned_rows()]
        self._plain = [place[f"R{k}"] for k in reads.plain]
        self._room_for_x: Array | None = None

    def _own_arrays(self) -> None:
        """Room for all that stays here, at most of `most` steps."""
        plan, kind, reads, most = self.plan, self.kind, self.program.reads, self.most
        numbers = {"longest": self.longest, "batch": kind.batch, "features": kind.features}
        numbers |= {"keep": int(kind.keep), "rest": most + 1 if kind.keep else 2, "ring": 2}
        if kind.keep:
            numbers["ring"] = most + 1
        for name, number in numbers.items():
            self.table[self.program.place[name]] = number
        for k, width in enumerate(plan.states):
            if k or not kind.all_steps:
                self.make(f"S{k}", numbers["rest" if k else "ring"], kind.batch, width)
        for k, width in enumerate(plan.kept_widths):
            self.make(f"V{k}", most if kind.keep else 1, kind.batch, width)
        for k in reads.of_inputs:
            self.make(f"R{k}", self.longest, kind.batch, plan.rows[k])
        for name, sizes in reads.parameters:
            self.make(name, *sizes)
        for node, name in plan.forward.rooms.items():
            self.make(name, kind.batch, node.width)

    def _turned_rows(self) -> Iterable[tuple[int, bool]]:
        reads = self.program.reads
        first = len(reads.parameters)
        return zip(reads.rows, reads.turned[first:], strict=False)

    def make(self, name: str, *sizes: int) -> None:
        """Room that stays, by its name in the table."""
        room = np.empty(sizes, self.program.dtype)
        self._rooms.append(room)
        self.table[self.program.place[name]] = address(room)

    @property
    def numbers(self) -> int:
        """How many it holds at most, those of the way back with them, for each sequence."""
        plan, steps = self.plan, self.most * (self.kind.keep or self.kind.all_steps)
        widths = sum(plan.states) + sum(plan.kept_widths) + sum(plan.stored_widths)
        return self.most * sum(plan.rows.values()) + steps * widths

    def forget(self) -> None:
        """Let go of what is others': inputs, rows that torch has made, hidden states of all steps."""
        self._given.clear()

    def run(self, inputs: Tensor, tensors: Sequence[Tensor]) -> tuple[Tensor | None, list[Tensor]]:
        """The hidden states of all steps, or None; and the last states.

        Args:
            inputs: Of up to `most` steps.
            tensors: What is read besides, in the order of `Reads`.
        """
        table, batch, steps = self.table, self.kind.batch, inputs.size(1)
        table[self._steps] = steps
        for place, tensor in zip(self._tensors, tensors, strict=False):
            table[place] = self._address(tensor)
        self._load_inputs(inputs)
        after = len(self._tensors)
        for (place, turned), tensor in zip(self._rows, tensors[after:], strict=False):
            table[place] = self._address((tensor.T if turned else tensor).detach())
        last = []
        for k in self._states:
            table[self._first[k]] = self._address(tensors[k - len(self._states)])
            end = torch.empty(batch, self.plan.states[k], dtype=self.dtype)
            table[self._last[k]] = end.data_ptr()
            last.append(end)
        hidden = None
        if self.kind.all_steps:
            states = np.empty((steps + 1, batch, self.plan.states[0]), self.program.dtype)
            table[self._ring], table[self._hidden] = steps + 1, address(states)
            # numpy's view, for torch lets nobody change one of its own that a function returns
            hidden = torch.from_numpy(states[1:].transpose(1, 0, 2))
        self.program.there(table)
        return hidden, last

    def _address(self, tensor: Tensor) -> int:
        """Of numbers that lie in one piece, row by row, and live as long as this run."""
        if not tensor.is_contiguous():
            tensor = tensor.contiguous()
        self._given.append(tensor)
        return tensor.data_ptr()

    def _load_inputs(self, x: Tensor) -> None:
        """As (steps, batch, features), in one piece."""
        table, strides = self.table, x.stride()
        batch, _, features = x.shape
        if (features == 1 or strides[2] == 1) and x.transpose(0, 1).is_contiguous():
            table[self._gathered] = 0
            table[self._x] = self._address(x.detach().transpose(0, 1))
        else:
            if self._room_for_x is None:
                self._room_for_x = np.empty((self.most, batch, features), self.program.dtype)
            table[self._x] = address(self._room_for_x)
            table[self._gathered] = x.data_ptr()
            sequence, step, feature = strides
            for place, stride in zip(self._strides, (step, sequence, feature), strict=True):
                table[place] = stride
        for place in self._plain:
            table[place] = table[self._x]
