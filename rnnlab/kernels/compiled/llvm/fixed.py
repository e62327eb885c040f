"""What every model has, compiled: the readout and the cross-entropy."""

import ctypes
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from llvmlite import ir

from rnnlab.kernels.compiled.llvm import loss, readout
from rnnlab.kernels.compiled.llvm.blas import gemm_of
from rnnlab.kernels.compiled.llvm.code import KINDS
from rnnlab.kernels.compiled.llvm.machine import load
from rnnlab.kernels.compiled.llvm.primitives import Primitives
from rnnlab.kernels.compiled.llvm.vector_math import add_vector_math


class Called:
    """A compiled function, called with the numbers and addresses that it has names for.

    Args:
        function: Which takes a table.
        names: What is in it, in its order; what is not given is 0.
    """

    def __init__(self, function: Any, names: tuple[str, ...]) -> None:
        self.function = function
        self.kind = ctypes.c_int64 * len(names)
        self.names = names

    def __call__(self, given: Mapping[str, int]) -> None:
        self.function(self.kind(*(given.get(name, 0) for name in self.names)))


class Fixed(NamedTuple):
    """For one type."""

    readout: Called
    readout_back: Called
    cross_entropy: Called


@cache
def fixed(dtype: str) -> Fixed:
    """For "float32" or "float64"."""
    module, kind, gemm = ir.Module("fixed"), KINDS[dtype], gemm_of(dtype)
    add_vector_math(module, kind)
    primitives = Primitives(module, kind, gemm)
    readout.Readout(primitives)
    loss.CrossEntropy(primitives)
    functions = load(str(module), Fixed._fields, gemm, "the readout")
    names = readout.NAMES, readout.NAMES, loss.NAMES
    return Fixed(*map(Called, functions, names))
