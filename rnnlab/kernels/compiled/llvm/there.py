"""A run from the first step to the last, as a function of LLVM's.

It copies what is read, as a parameter may have other numbers before the way back; for each chunk multiplies
what no state reaches and runs the loop; and copies the last states.
"""

from rnnlab.kernels.compiled.llvm.direction import Direction
from rnnlab.kernels.compiled.llvm.primitives import INDEX, counted


class There(Direction):
    """Writes `there`."""

    name = "there"

    def write(self) -> None:
        self._read()
        table, builder = self.table, self.builder
        with counted(builder, self.chunks) as number:
            self.begin_chunk(*self.bounds(number), self.reads.of_inputs)
            self.call(self.loop, self.array)
        for k, width in enumerate(self.plan.states):
            room = table["rest" if k else "ring"]
            last = self.at_step(f"S{k}", builder.srem(self.steps, room), width)
            self.call(self.primitives.copied, table[f"l{k}"], last, self.numbers(INDEX(1), width))

    def _read(self) -> None:
        table, reads = self.table, self.reads
        for at, (place, (rows, columns)) in enumerate(reads.parameters):
            if reads.turned[at]:
                self.call(self.primitives.turned, table[place], table[f"p{at}"], columns, rows)
            else:
                self.call(self.primitives.copied, table[place], table[f"p{at}"], rows * columns)
        with table.given("F"):
            sizes = self.steps, self.batch, self.features
            strides = (table[name] for name in ("xstep", "xsequence", "xfeature"))
            self.call(self.primitives.gathered, table["X"], table["F"], *sizes, *strides)
        for k, width in enumerate(self.plan.states):
            count = self.numbers(INDEX(1), width)
            self.call(self.primitives.copied, table[f"S{k}"], table[f"s{k}"], count)
