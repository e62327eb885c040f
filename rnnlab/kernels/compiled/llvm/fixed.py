"""What every model has, compiled: the readout and the cross-entropy."""

import ctypes
from collections.abc import Sequence
from typing import Any, NamedTuple

from llvmlite import ir

from rnnlab.kernels.compiled.llvm import loss, readout
from rnnlab.kernels.compiled.llvm.blas import gemm_of
from rnnlab.kernels.compiled.llvm.code import KINDS
from rnnlab.kernels.compiled.llvm.machine import load
from rnnlab.kernels.compiled.llvm.primitives import Primitives
from rnnlab.kernels.compiled.llvm.vector_math import add_vector_math


class Called:
    """A compiled function, called with the numbers and addresses of its table, in its order.

    Args:
        function: Which takes the table.
        names: What is in it.
    """

    def __init__(self, function: Any, names: Sequence[str]) -> None:
        self.function, self.kind = function, ctypes.c_int64 * len(names)

    def __call__(self, *given: int) -> None:
        self.function(self.kind(*given))


class Fixed(NamedTuple):
    """For one type."""

    readout: Called
    readout_back: Called
    cross_entropy: Called


def fixed(dtype: str) -> Fixed:
    """For "float32" or "float64"."""
    module, kind, gemm = ir.Module("fixed"), KINDS[dtype], gemm_of(dtype)
    add_vector_math(module, kind)
    primitives = Primitives(module, kind, gemm)
    readout.Readout(primitives)
    loss.CrossEntropy(primitives)
    functions = load(str(module), Fixed._fields, gemm, "the readout")
    names = readout.THERE, readout.BACK, loss.NAMES
    return Fixed(*map(Called, functions, names))
