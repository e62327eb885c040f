"""A whole run of a scan, there and back, as functions of LLVM's around the loops over a chunk of steps.

there: copy what is read; for each chunk multiply what no state reaches, and run the loop; copy the last states
back:  for each chunk, from the last one, run the loop, and add its part of the gradients

Both take one table. Besides what the loops read (plan.py) there are in it

    p given tensors, by their place    R rows of all steps, or room for those of a chunk
    F inputs that are to be gathered in X, (steps, batch, features)    v matrices of x_t, and y the same transposed
    s states before the first step     l the last states    g what arrives at these    d what arrives at those
    G what arrives at h_t from above   n gradients of the tensors    e those of rows    Y those of X

An address of 0 stands for what there is none of, or what nobody needs.
"""

from typing import Any

from llvmlite import ir

from rnnlab.kernels.compiled.plan import ScanPlan
from rnnlab.kernels.compiled.primitives import (
    INDEX,
    POINTER,
    Primitives,
    counted,
)
from rnnlab.kernels.compiled.reads import Reads
from rnnlab.kernels.compiled.table import Table

NUMBERS = (
    *("steps", "longest", "batch", "features", "keep", "ring", "rest"),
    *("xstep", "xsequence", "xfeature", "begin", "end"),
)


def names(plan: ScanPlan, reads: Reads) -> list[str]:
    """What is in the table besides rooms of the loops."""
    states, rows = range(len(plan.states)), plan.rows
    found = [*NUMBERS, "F", "X", "Y", "G", "H"]
    found += [f"{letter}{k}" for k in states for letter in "SslgdCD"]
    found += [f"{letter}{k}" for k in rows for letter in "ZRe"]
    found += [f"{letter}{at}" for at in range(len(reads.parameters)) for letter in "pn"]
    found += [f"{letter}{k}" for k in reads.of_inputs for letter in "vy"]
    found += [f"q{k}" for k in reads.vectors]
    found += [f"{letter}{k}" for k in reads.matrices for letter in "wu"]
    found += [f"V{k}" for k in range(len(plan.kept))]
    found += [f"E{k}" for k in range(len(plan.stored))]
    return found + [f"A{k}" for k in plan.sum_sizes]


class Direction:
    """What both have in common."""

    def __init__(
        self, primitives: Primitives, plan: ScanPlan, reads: Reads, table: list[str], name: str
    ) -> None:
        self.plan, self.reads, self.primitives = plan, reads, primitives
        kind = ir.FunctionType(ir.VoidType(), [POINTER])
        function = ir.Function(primitives.module, kind, name)
        self.array = function.args[0]
        self.builder = ir.IRBuilder(function.append_basic_block())
        self.table = Table(self.builder, self.array, table)
        self.batch, self.features = self.table["batch"], self.table["features"]

    def call(self, function: ir.Function, *given: Any) -> None:
        numbers = [INDEX(each) if isinstance(each, int) else each for each in given]
        self.builder.call(function, numbers)

    def rows(self, steps: Any) -> Any:
        """Of so many steps."""
        return self.builder.mul(steps, self.batch)

    def numbers(self, steps: Any, width: Any) -> Any:
        """Of so many steps' rows."""
        return self.builder.mul(self.rows(steps), INDEX(width) if isinstance(width, int) else width)

    def at_step(self, name: str, step: Any, width: Any) -> Any:
        """Where a step's rows begin in an array of all steps."""
        return self.primitives.at(self.builder, self.table[name], self.numbers(step, width))

    def chunk(self, begin: Any, end: Any, makes_rows: list[int]) -> Any:
        """What the loop is told of a chunk, after its rows are multiplied; how many steps it has."""
        table, builder = self.table, self.builder
        steps = builder.sub(end, begin)
        table["begin"], table["end"] = begin, end
        for k, width in self.plan.rows.items():
            table[f"Z{k}"] = table[f"R{k}"]
            if k in makes_rows:
                x = self.at_step("X", begin, self.features)
                sizes = self.rows(steps), width, self.features
                self.call(self.primitives.product, x, table[f"v{k}"], table[f"R{k}"], *sizes, 0)
            elif k not in self.reads.of_inputs:
                table[f"Z{k}"] = self.at_step(f"R{k}", begin, width)
        return steps


class There(Direction):
    """Writes `there`, around the loop `forward`."""

    def __init__(self, forward: ir.Function, *given: Any) -> None:
        super().__init__(*given, "there")
        self._read()
        table, builder = self.table, self.builder
        steps, longest = table["steps"], table["longest"]
        whole = builder.sdiv(builder.add(steps, builder.sub(longest, INDEX(1))), longest)
        with counted(builder, whole) as number:
            begin = builder.mul(number, longest)
            end = builder.add(begin, longest)
            end = builder.select(builder.icmp_signed("<", end, steps), end, steps)
            self.chunk(begin, end, self.reads.of_inputs)
            self.call(forward, self.array)
        for k, width in enumerate(self.plan.states):
            room = table["rest" if k else "ring"]
            last = self.at_step(f"S{k}", builder.srem(steps, room), width)
            self.call(self.primitives.copied, table[f"l{k}"], last, self.numbers(INDEX(1), width))
        builder.ret_void()

    def _read(self) -> None:
        """Copies: a parameter may have other numbers before the way back."""
        table, reads = self.table, self.reads
        for at, (place, (rows, columns)) in enumerate(reads.parameters):
            if reads.turned[at]:
                self.call(self.primitives.turned, table[place], table[f"p{at}"], columns, rows)
            else:
                self.call(self.primitives.copied, table[place], table[f"p{at}"], rows * columns)
        with table.given("F"):
            sizes = table["steps"], self.batch, self.features
            strides = (table[name] for name in ("xstep", "xsequence", "xfeature"))
            self.call(self.primitives.gathered, table["X"], table["F"], *sizes, *strides)
        for k, width in enumerate(self.plan.states):
            count = self.numbers(INDEX(1), width)
            self.call(self.primitives.copied, table[f"S{k}"], table[f"s{k}"], count)


class Back(Direction):
    """Writes `back`, around the loop `backward`."""

    def __init__(self, backward: ir.Function, *given: Any) -> None:
        super().__init__(*given, "back")
        table, builder = self.table, self.builder
        self._begin()
        steps, longest = table["steps"], table["longest"]
        whole = builder.sdiv(builder.add(steps, builder.sub(longest, INDEX(1))), longest)
        again = [k for k in self.reads.of_inputs if k in self.plan.reads_rows]
        with counted(builder, whole) as number:
            self.more = builder.zext(builder.icmp_signed("!=", number, INDEX(0)), INDEX)
            begin = builder.mul(longest, builder.sub(whole, builder.add(number, INDEX(1))))
            end = builder.add(begin, longest)
            end = builder.select(builder.icmp_signed("<", end, steps), end, steps)
            self._chunk(backward, begin, end, again)
        for k, width in enumerate(self.plan.states):
            with table.given(f"d{k}"):
                count = self.numbers(INDEX(1), width)
                self.call(self.primitives.copied, table[f"d{k}"], table[f"C{k}"], count)
        builder.ret_void()

    def _begin(self) -> None:
        """What arrives at the last states, and matrices as the way back multiplies with them."""
        table, call = self.table, self.call
        for k, width in enumerate(self.plan.states):
            count = self.numbers(INDEX(1), width)
            call(self.primitives.zeroed, table[f"C{k}"], count)
            with table.given(f"g{k}"):
                call(self.primitives.copied, table[f"C{k}"], table[f"g{k}"], count)
        for k, sizes in self.plan.matrices.items():
            call(self.primitives.turned, table[f"u{k}"], table[f"w{k}"], *sizes)
        with table.given("Y"):
            count = self.numbers(table["steps"], self.features)
            call(self.primitives.zeroed, table["Y"], count)
            for k in self.reads.of_inputs:
                sizes = self.features, self.plan.rows[k]
                call(self.primitives.turned, table[f"y{k}"], table[f"v{k}"], *sizes)

    def _chunk(self, backward: ir.Function, begin: Any, end: Any, again: list[int]) -> None:
        table, builder = self.table, self.builder
        # The rows of one chunk alone are still there.
        several = builder.icmp_signed("<", table["longest"], table["steps"])
        with builder.if_else(several) as (then, otherwise):
            with then:
                self.chunk(begin, end, again)
            with otherwise:
                self.chunk(begin, end, [])
        steps = builder.sub(end, begin)
        with table.given("G"):
            table["H"] = self.at_step("G", begin, self.plan.states[0])
        for k, (rows, width) in self.plan.sum_sizes.items():
            count = builder.mul(steps, INDEX(rows * width))
            self.call(self.primitives.zeroed, table[f"A{k}"], count)
        self.call(backward, self.array)
        self._turn(steps)
        self._sums(steps)
        self._products(begin, steps)
        for k, place in self.plan.row_gradients.items():
            self._row_gradient(k, self._of(place, begin), begin, steps)

    def _turn(self, steps: Any) -> None:
        """After an odd number of steps what is carried lies in the other room."""
        table, builder = self.table, self.builder
        with builder.if_then(builder.trunc(steps, ir.IntType(1))):
            for k in range(len(self.plan.states)):
                c, d = table[f"C{k}"], table[f"D{k}"]
                table[f"C{k}"], table[f"D{k}"] = d, c

    def _sums(self, steps: Any) -> None:
        """Sums of each step, or what is added last would be rounded as all before it are large; then of all."""
        table, builder, primitives = self.table, self.builder, self.primitives
        for k, (rows, width) in self.plan.sum_sizes.items():
            place = f"n{self.reads.place(f'q{k}')}"
            with table.given(place):
                size = rows * width
                with builder.if_then(builder.icmp_signed("==", self.more, INDEX(0))):
                    self.call(primitives.zeroed, table[place], size)
                with counted(builder, steps) as t:
                    row = primitives.at(builder, table[f"A{k}"], builder.mul(t, INDEX(size)))
                    self.call(primitives.added, table[place], row, size)

    def _products(self, begin: Any, steps: Any) -> None:
        """A chunk's part of the gradients that are products over all rows."""
        seen: set[int] = set()
        for product in self.plan.products:
            at = self.reads.place(f"w{product.matrix}")
            with self.table.given(f"n{at}"):
                more = INDEX(1) if product.matrix in seen else self.more
                left, right = self._of(product.left, begin), self._of(product.right, begin)
                self._crossed(at, left, right, self.plan.matrices[product.matrix], steps, more)
            seen.add(product.matrix)

    def _crossed(
        self, at: int, left: Any, right: Any, widths: tuple[Any, Any], steps: Any, more: Any
    ) -> None:
        """A parameter's gradient, which lies as the parameter does."""
        sizes = [INDEX(each) if isinstance(each, int) else each for each in widths]
        if self.reads.turned[at]:
            left, right, sizes = right, left, sizes[::-1]
        given = left, right, self.table[f"n{at}"], self.rows(steps), *sizes, more
        self.call(self.primitives.crossed, *given)

    def _row_gradient(self, k: int, e: Any, begin: Any, steps: Any) -> None:
        """Pass on what arrives at the rows that no state reaches."""
        table, reads, primitives = self.table, self.reads, self.primitives
        width = self.plan.rows[k]
        count = self.numbers(steps, width)
        if k in reads.plain:
            with table.given("Y"):
                self.call(primitives.added, self.at_step("Y", begin, self.features), e, count)
        elif k in reads.rows:
            with table.given(f"e{k}"):
                self.call(primitives.copied, self.at_step(f"e{k}", begin, width), e, count)
        else:
            at = reads.place(f"v{k}")
            with table.given(f"n{at}"):
                x = self.at_step("X", begin, self.features)
                self._crossed(at, x, e, (self.features, width), steps, self.more)
            with table.given("Y"):
                given = e, table[f"y{k}"], self.at_step("Y", begin, self.features)
                sizes = self.rows(steps), self.features, width
                self.call(primitives.product, *given, *sizes, 1)

    def _of(self, place: str, begin: Any) -> Any:
        """Where all rows of these steps are, of what the plan has at this place."""
        array, _, step = place.partition("[")
        letter, number = array[0], int(array[1:])
        if letter in "EZ":
            return self.table[array]
        widths = self.plan.states if letter == "S" else self.plan.kept_widths
        late = INDEX(int(step == "t + 1]"))
        return self.at_step(array, self.builder.add(begin, late), widths[number])
