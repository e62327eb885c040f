"""The length of a vector that lies in several pieces, as a gradient does, as a function of LLVM's; and its scaling.

    |g| = sqrt(sum_i g_i^2),    g <- a g

Squares are summed in double precision, whose exponents hold the squares of all single ones: a gradient
of 1e-30 is not taken for 0.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir

from rnnlab.kernels.compiled.llvm.primitives import INDEX, POINTER, Primitives, counted
from rnnlab.kernels.compiled.llvm.table import Table, begin_function

LENGTH = ("count", "N")
"""Pieces; where the length goes. After them the address and the size of each piece."""
SCALED = ("count", "A")
"""Pieces; where the factor is, in double precision. After them as for the length."""
DOUBLE = ir.DoubleType()
ANY_ORDER = ("reassoc", "contract")
"""Of a sum: as many numbers at once as the processor takes."""


class Length:
    """Writes `length` and `scaled`, which take such tables.

    Args:
        primitives: Of their module.
    """

    def __init__(self, primitives: Primitives) -> None:
        self.primitives, self.kind = primitives, primitives.kind
        self._length(begin_function(primitives.module, "length", LENGTH))
        self._scaled(begin_function(primitives.module, "scaled", SCALED))

    def _length(self, table: Table) -> None:
        builder = table.builder
        total = builder.alloca(DOUBLE)
        builder.store(ir.Constant(DOUBLE, 0.0), total)
        with self._numbers(table) as where:
            number = builder.load(where, typ=self.kind)
            wide = number if self.kind == DOUBLE else builder.fpext(number, DOUBLE)
            square = builder.fmul(wide, wide, flags=ANY_ORDER)
            sofar = builder.load(total, typ=DOUBLE)
            builder.store(builder.fadd(sofar, square, flags=ANY_ORDER), total)
        kind = ir.FunctionType(DOUBLE, [DOUBLE])
        root = ir.Function(self.primitives.module, kind, "llvm.sqrt.f64")
        length = builder.call(root, [builder.load(total, typ=DOUBLE)])
        builder.store(self._narrow(builder, length), table["N"])
        builder.ret_void()

    def _scaled(self, table: Table) -> None:
        builder = table.builder
        factor = self._narrow(builder, builder.load(table["A"], typ=DOUBLE))
        with self._numbers(table) as where:
            builder.store(builder.fmul(builder.load(where, typ=self.kind), factor), where)
        builder.ret_void()

    @contextmanager
    def _numbers(self, table: Table) -> Iterator[Any]:
        """Where each number of all pieces is; the names of the table are two."""
        builder = table.builder
        with counted(builder, table["count"]) as piece:
            place = builder.add(builder.mul(piece, INDEX(2)), INDEX(2))
            where, size = (
                builder.load(
                    builder.gep(table.array, [builder.add(place, INDEX(k))], source_etype=INDEX),
                    typ=kind,
                )
                for k, kind in enumerate((POINTER, INDEX))
            )
            with counted(builder, size) as i:
                yield self.primitives.at(builder, where, i)

    def _narrow(self, builder: ir.IRBuilder, value: Any) -> Any:
        return value if self.kind == DOUBLE else builder.fptrunc(value, self.kind)
