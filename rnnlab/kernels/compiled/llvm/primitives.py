"""What the loops call, as functions of LLVM's: matrix products by BLAS, copies, sums."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir

from rnnlab.kernels.compiled.llvm.blas import Gemm

INDEX = ir.IntType(64)
POINTER = ir.PointerType()
TILE = 16
"""Rows of a matrix that are turned at once: as many numbers lie side by side in the cache."""

Body = Callable[..., None]


@contextmanager
def counted(builder: ir.IRBuilder, count: Any) -> Iterator[ir.PhiInstr]:
    """What is written within is done for each whole number from 0 on below `count`."""
    before, body, after = (
        builder.block,
        builder.append_basic_block("each"),
        builder.append_basic_block("after"),
    )
    builder.cbranch(builder.icmp_signed(">", count, INDEX(0)), body, after)
    builder.position_at_end(body)
    i = builder.phi(INDEX)
    i.add_incoming(INDEX(0), before)
    yield i
    following = builder.add(i, INDEX(1))
    i.add_incoming(following, builder.block)
    builder.cbranch(builder.icmp_signed("<", following, count), body, after)
    builder.position_at_end(after)


@contextmanager
def by_few(builder: ir.IRBuilder, count: Any, most: int) -> Iterator[tuple[Any, Any]]:
    """What is written within is done for the first of some, and how many these are: of all, at most so many at once."""
    whole = builder.sdiv(builder.add(count, INDEX(most - 1)), INDEX(most))
    with counted(builder, whole) as number:
        first = builder.mul(number, INDEX(most))
        left = builder.sub(count, first)
        is_last = builder.icmp_signed("<", left, INDEX(most))
        yield first, builder.select(is_last, left, INDEX(most))


class Primitives:
    """Writes them into a module; each is then a function to be called.

    Args:
        module: That they go into.
        kind: The numbers' type.
        gemm: The product that BLAS has for this type.
    """

    def __init__(self, module: ir.Module, kind: ir.Type, gemm: Gemm) -> None:
        self.module, self.kind, self.gemm = module, kind, gemm
        self._blas = ir.Function(module, ir.FunctionType(ir.VoidType(), [POINTER] * 13), gemm.name)
        self.product = self._function("product", 3, 4, self._product)
        self.crossed = self._function("crossed", 3, 4, self._crossed)
        self.copied = self._function("copied", 2, 1, self._copied)
        self.zeroed = self._function("zeroed", 1, 1, self._zeroed)
        self.added = self._function("added", 2, 1, self._added)
        self.folded = self._function("folded", 1, 2, self._folded)
        self.turned = self._function("turned", 2, 2, self._turned)
        self.gathered = self._function("gathered", 2, 6, self._gathered)

    def at(self, builder: ir.IRBuilder, array: Any, index: Any) -> Any:
        """The address of a number in an array."""
        return builder.gep(array, [index], source_etype=self.kind)

    def _function(self, name: str, arrays: int, numbers: int, body: Body) -> ir.Function:
        """Of so many arrays, which share nothing, and then so many whole numbers."""
        kinds = [*[POINTER] * arrays, *[INDEX] * numbers]
        function = ir.Function(self.module, ir.FunctionType(ir.VoidType(), kinds), name)
        function.linkage = "internal"
        function.attributes.add("noinline")
        for argument in function.args[:arrays]:
            argument.add_attribute("noalias")
        builder = ir.IRBuilder(function.append_basic_block())
        body(builder, *function.args)
        builder.ret_void()
        return function

    def _product(self, builder: ir.IRBuilder, *given: Any) -> None:
        """C = A B, of rows; C += A B if `more`. BLAS, which has columns, is asked for C' = B' A'."""
        a, b, c, rows, columns, inner, more = given
        self._call(builder, "NN", (columns, rows, inner), (b, columns), (a, inner), c, more)

    def _crossed(self, builder: ir.IRBuilder, *given: Any) -> None:
        """C = A' B, of A (rows, left) and B (rows, right); C += A' B if `more`."""
        a, b, c, rows, left, right, more = given
        self._call(builder, "NT", (right, left, rows), (b, right), (a, left), c, more)

    def _call(
        self,
        builder: ir.IRBuilder,
        turned: str,
        sizes: tuple[Any, Any, Any],
        first: tuple[Any, Any],
        second: tuple[Any, Any],
        c: Any,
        more: Any,
    ) -> None:
        whole = ir.IntType(self.gemm.bits)

        def kept(value: Any) -> Any:
            room = builder.alloca(value.type)
            builder.store(value, room)
            return room

        def size(value: Any) -> Any:
            return kept(builder.trunc(value, whole) if self.gemm.bits < 64 else value)

        one, zero = (ir.Constant(self.kind, number) for number in (1.0, 0.0))
        is_more = builder.icmp_signed("!=", more, INDEX(0))
        beta = kept(builder.select(is_more, one, zero))
        letters = [kept(ir.IntType(8)(ord(letter))) for letter in turned]
        m, n, k = map(size, sizes)
        a, b = ((array, size(stride)) for array, stride in (first, second))
        builder.call(self._blas, [*letters, m, n, k, kept(one), *a, *b, beta, c, m])

    def _copied(self, builder: ir.IRBuilder, to: Any, given: Any, count: Any) -> None:
        with counted(builder, count) as i:
            value = builder.load(self.at(builder, given, i), typ=self.kind)
            builder.store(value, self.at(builder, to, i))

    def _zeroed(self, builder: ir.IRBuilder, to: Any, count: Any) -> None:
        with counted(builder, count) as i:
            builder.store(ir.Constant(self.kind, 0.0), self.at(builder, to, i))

    def _added(self, builder: ir.IRBuilder, to: Any, given: Any, count: Any) -> None:
        with counted(builder, count) as i:
            where = self.at(builder, to, i)
            value = builder.load(self.at(builder, given, i), typ=self.kind)
            builder.store(builder.fadd(builder.load(where, typ=self.kind), value), where)

    def _folded(self, builder: ir.IRBuilder, array: Any, rows: Any, size: Any) -> None:
        """The sum of all rows, in the first: the last half of them is added to the first, until one is left."""
        before, fold, after = builder.block, *(builder.append_basic_block() for _ in range(2))
        builder.cbranch(builder.icmp_signed(">", rows, INDEX(1)), fold, after)
        builder.position_at_end(fold)
        left = builder.phi(INDEX)
        left.add_incoming(rows, before)
        half = builder.ashr(left, INDEX(1))
        rest = builder.sub(left, half)
        given = array, self.at(builder, array, builder.mul(rest, size)), builder.mul(half, size)
        builder.call(self.added, given)
        left.add_incoming(rest, builder.block)
        builder.cbranch(builder.icmp_signed(">", rest, INDEX(1)), fold, after)
        builder.position_at_end(after)

    def _turned(self, builder: ir.IRBuilder, to: Any, given: Any, rows: Any, columns: Any) -> None:
        """A matrix (rows, columns) as (columns, rows), some rows at a time."""
        within = by_few(builder, rows, TILE)
        with within as (first, few), counted(builder, columns) as j, counted(builder, few) as each:
            i = builder.add(first, each)
            where = self.at(builder, given, builder.add(builder.mul(i, columns), j))
            value = builder.load(where, typ=self.kind)
            builder.store(value, self.at(builder, to, builder.add(builder.mul(j, rows), i)))

    def _gathered(self, builder: ir.IRBuilder, to: Any, given: Any, *sizes: Any) -> None:
        """Numbers in one piece, by three indices, from where they lie at these strides."""
        *counts, step, sequence, feature = sizes
        steps, batch, features = counts
        with counted(builder, steps) as t, counted(builder, batch) as r:
            row = builder.add(builder.mul(t, step), builder.mul(r, sequence))
            at = builder.mul(builder.add(builder.mul(t, batch), r), features)
            with counted(builder, features) as j:
                where = builder.add(row, builder.mul(j, feature))
                value = builder.load(self.at(builder, given, where), typ=self.kind)
                builder.store(value, self.at(builder, to, builder.add(at, j)))
