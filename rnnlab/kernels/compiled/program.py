"""A step's compiled loops, which run over any number of steps and sequences.

Time goes in chunks, whose arrays fit the cache: what no state reaches is multiplied for a chunk at once
before its loop, and the gradients of the weights are one product a chunk after its loop.
"""

import ctypes
from collections.abc import Callable, Sequence
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


class Program:
    """The loops of one plan, in one type.

    Args:
        plan: Of the step.
        dtype: "float32" or "float64".
        of: Whose step it is, for the log.
    """

    def __init__(self, plan: ScanPlan, dtype: str, of: str) -> None:
        self.plan, self.dtype = plan, dtype
        gemm = gemm_of(dtype)
        code = Code(plan, dtype, gemm)
        loops = load(code.text, gemm, of)
        self.forward = Compiled(loops["forward"], code.forward, plan.forward)
        self.backward = Compiled(loops["backward"], code.backward, plan.backward)

    def chunk(self, batch: int) -> int:
        """How many steps are in one."""
        return max(1, CHUNK // max(1, batch * self.plan.states[0]))

    def chunks(self, steps: int, batch: int) -> list[tuple[int, int]]:
        """From which step to which; the first is as long as any."""
        few = self.chunk(batch)
        return [(t, min(t + few, steps)) for t in range(0, steps, few)]


class Compiled:
    """A loop's machine code.

    Args:
        function: Which takes the address of a table.
        names: What is in the table, in its order.
        loop: What it computes.
    """

    def __init__(self, function: Callable[[Any], None], names: Sequence[str], loop: Loop) -> None:
        self.function, self.names = function, names
        self.rooms = {name: node.width for node, name in loop.rooms.items()}


class Table:
    """The numbers and addresses that a loop is called with, by their names in code.py; others are passed over."""

    def __init__(self, compiled: Compiled) -> None:
        self.function = compiled.function
        self.place = {name: k for k, name in enumerate(compiled.names)}
        self.entries = (ctypes.c_int64 * len(compiled.names))()

    def set(self, name: str, value: int) -> None:
        if name in self.place:
            self.entries[self.place[name]] = value

    def run(self) -> None:
        self.function(self.entries)


def address(array: Array) -> int:
    """Where its first number is."""
    return array.__array_interface__["data"][0]


def flat(a: Array) -> Array:
    """The rows of all steps, one below the other."""
    return a.reshape(-1, a.shape[2]) if a.size else a.reshape(0, a.shape[2])
