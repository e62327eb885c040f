"""A step's compiled scan, which runs over any number of steps and sequences.

Time goes in chunks, whose arrays fit the cache: what no state reaches is multiplied for a chunk at once
before its loop, and the gradients of the weights are one product a chunk after its loop.
"""

import ctypes

import numpy as np

from rnnlab.kernels.compiled.llvm.blas import gemm_of
from rnnlab.kernels.compiled.llvm.code import Code
from rnnlab.kernels.compiled.llvm.machine import load
from rnnlab.kernels.compiled.step.plan import ScanPlan
from rnnlab.kernels.compiled.step.reads import Reads

Array = np.ndarray
CHUNK = 2**14
"""Numbers in a chunk's states: few enough for the nearest cache."""
ROWS = 256
"""In a chunk at least: many enough for one matrix product, whose result is as large however few there are."""


class Program:
    """The machine code of one plan, in one type.

    Args:
        plan: Of the step.
        reads: What it reads.
        dtype: "float32" or "float64".
        of: Whose step it is, for the log.
    """

    def __init__(self, plan: ScanPlan, reads: Reads, dtype: str, of: str) -> None:
        self.plan, self.reads, self.dtype = plan, reads, dtype
        gemm = gemm_of(dtype)
        code = Code(plan, reads, dtype, gemm)
        self.there, self.back = load(code.text, ("there", "back"), gemm, of)
        self.place = {name: k for k, name in enumerate(code.table)}

    def chunk(self, batch: int) -> int:
        """How many steps are in one."""
        numbers = batch * self.plan.states[0]
        return max(1, CHUNK // numbers, ROWS // batch)

    def table(self) -> ctypes.Array[ctypes.c_int64]:
        """The numbers and addresses of a run, by the places that their names have."""
        return (ctypes.c_int64 * len(self.place))()


def address(array: Array) -> int:
    """Where its first number is."""
    return array.__array_interface__["data"][0]
