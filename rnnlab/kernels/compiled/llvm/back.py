"""The way back over a run, from the last chunk to the first, as a function of LLVM's.

For each chunk it runs the loop, and adds the chunk's part of the gradients.
"""

from typing import Any

from llvmlite import ir

from rnnlab.kernels.compiled.llvm.direction import Direction
from rnnlab.kernels.compiled.llvm.primitives import INDEX, counted


class Back(Direction):
    """Writes `back`."""

    name = "back"

    def write(self) -> None:
        table, builder = self.table, self.builder
        self._begin()
        with counted(builder, self.chunks) as number:
            self.more = builder.zext(builder.icmp_signed("!=", number, INDEX(0)), INDEX)
            following = builder.sub(self.chunks, number)
            self._chunk(*self.bounds(builder.sub(following, INDEX(1))))
        for k, width in enumerate(self.plan.states):
            with table.given(f"d{k}"):
                count = self.numbers(INDEX(1), width)
                self.call(self.primitives.copied, table[f"d{k}"], table[f"C{k}"], count)

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
            count = self.numbers(self.steps, self.features)
            call(self.primitives.zeroed, table["Y"], count)
            for k in self.reads.of_inputs:
                sizes = self.features, self.plan.rows[k]
                call(self.primitives.turned, table[f"y{k}"], table[f"v{k}"], *sizes)

    def _chunk(self, begin: Any, end: Any) -> None:
        table, builder = self.table, self.builder
        again = [k for k in self.reads.of_inputs if k in self.plan.reads_rows]
        several = builder.icmp_signed("<", self.longest, self.steps)
        with builder.if_else(several) as (then, otherwise):
            with then:  # the rows of one are gone
                self.begin_chunk(begin, end, again)
            with otherwise:
                self.begin_chunk(begin, end, [])
        steps = builder.sub(end, begin)
        with table.given("G"):
            table["H"] = self.at_step("G", begin, self.plan.states[0])
        for k, (rows, width) in self.plan.sum_sizes.items():
            count = builder.mul(steps, INDEX(rows * width))
            self.call(self.primitives.zeroed, table[f"A{k}"], count)
        self.call(self.loop, self.array)
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
        """Sums of a step, of a chunk, of all: what is added to a large sum is rounded as that is."""
        table, builder, primitives = self.table, self.builder, self.primitives
        for k, (rows, width) in self.plan.sum_sizes.items():
            place = f"n{self.reads.place(f'q{k}')}"
            with table.given(place):
                size = rows * width
                with builder.if_then(builder.icmp_signed("==", self.more, INDEX(0))):
                    self.call(primitives.zeroed, table[place], size)
                self.call(primitives.folded, table[f"A{k}"], steps, size)
                self.call(primitives.added, table[place], table[f"A{k}"], size)

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
