"""A step's compiled loops, run over any number of steps and sequences, with their gradient.

Time goes in chunks, whose arrays fit the cache: what no state reaches is multiplied for a chunk at once
before its loop, and the gradients of the weights are one product a chunk after its loop.
"""

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnlab.kernels.compiled.blas import gemm_of
from rnnlab.kernels.compiled.code import Code
from rnnlab.kernels.compiled.loop import Loop
from rnnlab.kernels.compiled.machine import load
from rnnlab.kernels.compiled.plan import ScanPlan

Array = np.ndarray
CHUNK = 2**17
"""Numbers in a chunk's states: many for one matrix product, few enough for the cache."""


@dataclass
class Inputs:
    """What a scan is given, as arrays.

    Args:
        x: (steps, batch, features).
        vectors: By number, each (width,).
        matrices: Of products with states, by number.
        of_inputs: Matrices that x is multiplied with, by the number of the rows that it makes.
        rows: Other rows by number, each (steps, batch, width).
        states: Before the first step.
    """

    x: Array
    vectors: dict[int, Array]
    matrices: dict[int, Array]
    of_inputs: dict[int, Array]
    rows: dict[int, Array]
    states: list[Array]

    @property
    def steps(self) -> int:
        return self.x.shape[0]

    @property
    def batch(self) -> int:
        return self.x.shape[1]


class Program:
    """The loops of one plan, in one type."""

    def __init__(self, plan: ScanPlan, dtype: str, of: str) -> None:
        self.plan, self.dtype = plan, dtype
        gemm = gemm_of(dtype)
        code = Code(plan, dtype, gemm)
        loops = load(code.text, gemm, of)
        self.forward = _Call(loops["forward"], code.forward, plan.forward, dtype)
        self.backward = _Call(loops["backward"], code.backward, plan.backward, dtype)

    def chunks(self, given: Inputs) -> list[tuple[int, int]]:
        few = max(1, CHUNK // max(1, given.batch * self.plan.states[0]))
        return [(t, min(t + few, given.steps)) for t in range(0, given.steps, few)]

    def empty(self, steps: int, batch: int, widths: Sequence[int]) -> list[Array]:
        return [np.empty((steps, batch, width), self.dtype) for width in widths]

    def rows(self, given: Inputs, begin: int, end: int, only: Sequence[int]) -> list[Array]:
        """Z of a chunk of steps; where nobody reads it, what is as wide."""
        made = []
        for k, width in self.plan.rows.items():
            if k in given.rows:
                made.append(given.rows[k][begin:end])
            elif k in only:
                x = given.x[begin:end]
                made.append(flat(x).dot(given.of_inputs[k]).reshape(*x.shape[:2], width))
            else:
                made.append(np.empty((1, 1, width), self.dtype))
        return made

    def run(self, given: Inputs, keep: bool, all_steps: bool) -> tuple[list[Array], list[Array]]:
        """The states after all steps, h_0 first, or in turns of two; and what the way back needs."""
        plan, steps, batch = self.plan, given.steps, given.batch
        ring, rest = (steps + 1 if keep or all_steps else 2), (steps + 1 if keep else 2)
        states = [
            *self.empty(ring, batch, plan.states[:1]),
            *self.empty(rest, batch, plan.states[1:]),
        ]
        for array, state in zip(states, given.states, strict=True):
            array[0] = state
        kept = self.empty(steps if keep else 1, batch, plan.kept_widths)
        vectors = [given.vectors[k] for k in plan.vectors]
        matrices = [np.ascontiguousarray(given.matrices[k]) for k in plan.matrices]
        for begin, end in self.chunks(given):
            rows = self.rows(given, begin, end, [*plan.rows])
            numbers = (begin, end, batch, int(keep), ring, rest, 0)
            self.forward(numbers, [*states, *rows, *kept, *vectors, *matrices])
        return states, kept


class _Call:
    """Calls a loop with its table."""

    def __init__(
        self, function: Callable[[Any], None], names: list[str], loop: Loop, dtype: str
    ) -> None:
        self.function, self.dtype = function, dtype
        self.widths = [node.width for node in loop.rooms]
        self.table = ctypes.c_int64 * len(names)

    def __call__(self, numbers: tuple[int, ...], arrays: list[Array]) -> None:
        """`NUMBERS` of code.py, and arrays in the order of its names; room for a step is made here."""
        batch = numbers[2]
        rooms = [np.empty((batch, width), self.dtype) for width in self.widths]
        where = [array.__array_interface__["data"][0] for array in (*arrays, *rooms)]
        self.function(self.table(*numbers, *where))


def flat(a: Array) -> Array:
    """The rows of all steps, one below the other."""
    return a.reshape(-1, a.shape[2]) if a.size else a.reshape(0, a.shape[2])
