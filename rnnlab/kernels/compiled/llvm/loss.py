"""The cross-entropy of rows of few numbers, and its gradient, as a function of LLVM's.

Rows go some at a time, column by column, so that each loop is over many rows and not over ten numbers:

    y_ik - max_k y_ik -> exp -> total_i;   L = (sum_i log total_i + max_i - y_i,k(i)) / N

The logarithm is taken of the product of those rows' totals, each at most the number of classes.
"""

from contextlib import AbstractContextManager
from typing import Any

from llvmlite import ir

from rnnlab.kernels.compiled.llvm.arithmetic import Arithmetic
from rnnlab.kernels.compiled.llvm.primitives import INDEX, Primitives, by_few, counted
from rnnlab.kernels.compiled.llvm.table import begin_function

NAMES = ("batch", "steps", "classes", "Y", "K", "G", "L", "X")
"""Sizes; outputs; classes; the gradient (steps first) or 0; the loss; the extreme classes, which come as 0."""
ROWS = 64
"""At a time: of up to 256 classes the product of the totals is at most 256 ** 64 = 2 ** 512, and the columns fit the stack."""
DOUBLE = ir.DoubleType()


class CrossEntropy:
    """Writes `cross_entropy`, which takes a table with `NAMES`.

    Args:
        primitives: Of its module.
    """

    def __init__(self, primitives: Primitives) -> None:
        self.at, self.kind = primitives.at, primitives.kind
        self.table = table = begin_function(primitives.module, "cross_entropy", NAMES)
        self.builder = builder = table.builder
        self.c = Arithmetic(primitives.module, builder, self.kind)
        self.batch, self.steps, self.classes = (table[name] for name in NAMES[:3])
        self.outputs, self.targets, self.extremes = table["Y"], table["K"], table["X"]
        count = builder.mul(self.batch, self.steps)
        self.share = self.c.div(self.c.number(1), builder.sitofp(count, self.kind))
        room = builder.mul(self.classes, INDEX(ROWS))
        self.tile = builder.alloca(self.kind, room)
        self.largest, self.total = (builder.alloca(self.kind, INDEX(ROWS)) for _ in range(2))
        self.loss, self.product = builder.alloca(DOUBLE), builder.alloca(DOUBLE)
        builder.store(ir.Constant(DOUBLE, 0.0), self.loss)
        with self.each(self.batch) as r, by_few(builder, self.steps, ROWS) as (first, few):
            self._rows(r, first, few)
        mean = builder.fdiv(builder.load(self.loss, typ=DOUBLE), builder.sitofp(count, DOUBLE))
        as_one = mean if self.kind == DOUBLE else builder.fptrunc(mean, self.kind)
        builder.store(as_one, table["L"])
        builder.ret_void()

    def each(self, count: Any) -> AbstractContextManager[Any]:
        return counted(self.builder, count)

    def _rows(self, r: Any, first: Any, few: Any) -> None:
        """Those of sequence r from step `first` on."""
        builder = self.builder
        row = builder.add(builder.mul(r, self.steps), first)
        self.y = self.at(builder, self.outputs, builder.mul(row, self.classes))
        self.k = builder.gep(self.targets, [row], source_etype=INDEX)
        self._gather(few)
        builder.store(ir.Constant(DOUBLE, 1.0), self.product)
        self._right(few)
        self._exponents(few)
        with self.each(few) as i:
            total = self._wide(self._load(self.total, i))
            product = builder.fmul(builder.load(self.product, typ=DOUBLE), total)
            builder.store(product, self.product)
        logs = ir.Function(builder.module, ir.FunctionType(DOUBLE, [DOUBLE]), "log")
        self._add_to_loss(builder.call(logs, [builder.load(self.product, typ=DOUBLE)]))
        with self.table.given("G"):
            self._gradient(r, first, few)

    def _gather(self, few: Any) -> None:
        """Columns one after another, and the largest of each row."""
        with self.each(few) as i:
            self._store(self.c.number(float("-inf")), self.largest, i)
        with self.each(self.classes) as k:
            column = self._column(k)
            with self.each(few) as i:
                index = self.builder.add(self.builder.mul(i, self.classes), k)
                self._store(self._load(self.y, index), column, i)
            with self.each(few) as i:  # in a loop of its own, which takes many at once
                value = self._load(column, i)
                largest = self._load(self.largest, i)
                larger = self.c.choose(self.c.compare("gt", value, largest), value, largest)
                self._store(larger, self.largest, i)

    def _right(self, few: Any) -> None:
        """What stands at the right classes, before it is an exponent; and which classes there are."""
        with self.each(few) as i:
            k = self._class(i)
            for at, sign in enumerate("<>"):
                where = self.builder.gep(self.extremes, [INDEX(at)], source_etype=INDEX)
                known = self.builder.load(where, typ=INDEX)
                beyond = self.builder.icmp_signed(sign, k, known)
                self.builder.store(self.builder.select(beyond, k, known), where)
            value = self._load(self._column(self._within(k)), i)
            off = self.builder.fsub(self._wide(self._load(self.largest, i)), self._wide(value))
            self._add_to_loss(off)

    def _exponents(self, few: Any) -> None:
        with self.each(few) as i:
            self._store(self.c.number(0), self.total, i)
        with self.each(self.classes) as k:
            column = self._column(k)
            with self.each(few) as i:
                off = self.c.sub(self._load(column, i), self._load(self.largest, i))
                value = self.c.call("vector.exp", off)
                self._store(value, column, i)
                self._store(self.c.add(self._load(self.total, i), value), self.total, i)

    def _gradient(self, r: Any, first: Any, few: Any) -> None:
        """(softmax - [k = k(i)]) / N, in the order of steps, sequences, classes."""
        builder = self.builder
        row = builder.add(builder.mul(first, self.batch), r)
        gradient = self.at(builder, self.table["G"], builder.mul(row, self.classes))
        stride = builder.mul(self.batch, self.classes)
        with self.each(few) as i:
            share = self.c.div(self.share, self._load(self.total, i))
            self._store(share, self.total, i)
        with self.each(self.classes) as k:
            column = self._column(k)
            with self.each(few) as i:
                value = self.c.mul(self._load(column, i), self._load(self.total, i))
                self._store(value, gradient, builder.add(builder.mul(i, stride), k))
        with self.each(few) as i:
            index = builder.add(builder.mul(i, stride), self._within(self._class(i)))
            self._store(self.c.sub(self._load(gradient, index), self.share), gradient, index)

    def _column(self, k: Any) -> Any:
        return self.at(self.builder, self.tile, self.builder.mul(k, INDEX(ROWS)))

    def _class(self, i: Any) -> Any:
        where = self.builder.gep(self.k, [i], source_etype=INDEX)
        return self.builder.load(where, typ=INDEX)

    def _within(self, k: Any) -> Any:
        """A class that there is, whatever is given; who calls looks at the extremes."""
        known = self.builder.icmp_unsigned("<", k, self.classes)
        return self.builder.select(known, k, INDEX(0))

    def _load(self, array: Any, index: Any) -> Any:
        return self.builder.load(self.at(self.builder, array, index), typ=self.kind)

    def _store(self, value: Any, array: Any, index: Any) -> None:
        self.builder.store(value, self.at(self.builder, array, index))

    def _wide(self, value: Any) -> Any:
        return value if self.kind == DOUBLE else self.builder.fpext(value, DOUBLE)

    def _add_to_loss(self, value: Any) -> None:
        sofar = self.builder.load(self.loss, typ=DOUBLE)
        self.builder.store(self.builder.fadd(sofar, value), self.loss)
