"""What every model has, compiled: the readout, the cross-entropy, and the length of the gradient."""

import ctypes
from typing import Any, NamedTuple

from llvmlite import ir

from rnnlab.kernels.compiled.llvm import length, loss, readout
from rnnlab.kernels.compiled.llvm.blas import gemm_of
from rnnlab.kernels.compiled.llvm.code import KINDS
from rnnlab.kernels.compiled.llvm.machine import load
from rnnlab.kernels.compiled.llvm.primitives import Primitives
from rnnlab.kernels.compiled.llvm.vector_math import add_vector_math


class Called:
    """A compiled function, called with the numbers and addresses of its table, in its order.

    Args:
        function: Which takes the table.
    """

    def __init__(self, function: Any) -> None:
        self.function = function

    def __call__(self, *given: int) -> None:
        self.function((ctypes.c_int64 * len(given))(*given))


class Fixed(NamedTuple):
    """For one type."""

    readout: Called
    readout_back: Called
    cross_entropy: Called
    length: Called
    scaled: Called


def fixed(dtype: str) -> Fixed:
    """For "float32" or "float64"."""
    module, kind, gemm = ir.Module("fixed"), KINDS[dtype], gemm_of(dtype)
    add_vector_math(module, kind)
    primitives = Primitives(module, kind, gemm)
    readout.Readout(primitives)
    loss.CrossEntropy(primitives)
    length.Length(primitives)
    return Fixed(*map(Called, load(str(module), Fixed._fields, gemm, "the readout")))
