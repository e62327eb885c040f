"""What the two directions of a run have in common: chunks of steps, and one table.

Besides what the loops read (step/plan.py) there are in it

    p given tensors, by their place    R rows of all steps, or room for those of a chunk
    F inputs that are to be gathered in X, (steps, batch, features)    v matrices of x_t, and y the same transposed
    s states before the first step     l the last states    g what arrives at these    d what arrives at those
    G what arrives at h_t from above   n gradients of the tensors    e those of rows    Y those of X

An address of 0 stands for what there is none of, or what nobody needs.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from llvmlite import ir

from rnnlab.kernels.compiled.llvm.primitives import INDEX, Primitives
from rnnlab.kernels.compiled.llvm.table import begin_function
from rnnlab.kernels.compiled.step.plan import ScanPlan
from rnnlab.kernels.compiled.step.reads import Reads

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


class Direction(ABC):
    """Writes one of them into a module, as a function that takes the table.

    Args:
        primitives: Of the module.
        plan: Of the step.
        reads: What it reads.
        table: What is in the table, in its order.
        loop: The loop over the steps of a chunk.
    """

    name: str

    def __init__(
        self,
        primitives: Primitives,
        plan: ScanPlan,
        reads: Reads,
        table: Sequence[str],
        loop: ir.Function,
    ) -> None:
        self.plan, self.reads, self.primitives, self.loop = plan, reads, primitives, loop
        self.table = begin_function(primitives.module, self.name, table)
        self.array, self.builder = self.table.array, self.table.builder
        self.batch, self.features = self.table["batch"], self.table["features"]
        self.steps, self.longest = self.table["steps"], self.table["longest"]
        upwards = self.builder.add(self.steps, self.builder.sub(self.longest, INDEX(1)))
        self.chunks = self.builder.sdiv(upwards, self.longest)
        self.write()
        self.builder.ret_void()

    @abstractmethod
    def write(self) -> None:
        """All that it does."""

    def bounds(self, number: Any) -> tuple[Any, Any]:
        """The first step of a chunk, and the one after its last."""
        begin = self.builder.mul(number, self.longest)
        end = self.builder.add(begin, self.longest)
        is_whole = self.builder.icmp_signed("<", end, self.steps)
        return begin, self.builder.select(is_whole, end, self.steps)

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

    def begin_chunk(self, begin: Any, end: Any, makes_rows: list[int]) -> None:
        """Multiply the rows of a chunk, and tell the loop where it is."""
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
