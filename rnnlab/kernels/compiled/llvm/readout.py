"""The readout V h + c of all steps at once, and its gradient, as functions of LLVM's.

Rows come in either order, of steps or of sequences first; they leave the readout sequences first, and
come back as the gradient's in the order of the inputs.
"""

from llvmlite import ir

from rnnlab.kernels.compiled.llvm.primitives import INDEX, Primitives, counted
from rnnlab.kernels.compiled.llvm.table import Table, begin_function

THERE = (
    *("batch", "steps", "features", "outputs", "sequence", "step"),
    *("X", "W", "B", "T", "M", "Y"),
)
"""Sizes; how many rows lie between two sequences, and between two steps; inputs, weight, bias; room for
the weight transposed, and for the product; outputs."""
BACK = ("rows", "features", "outputs", "E", "X", "W", "O", "GX", "GW", "GB")
"""Sizes; what arrives at the outputs, inputs, weight, ones; gradients of inputs, weight and bias, or 0."""


class Readout:
    """Writes `readout` and `readout_back`, which take tables with these names.

    Args:
        primitives: Of their module.
    """

    def __init__(self, primitives: Primitives) -> None:
        self.primitives = primitives
        for name, names, write in (
            ("readout", THERE, self._there),
            ("readout_back", BACK, self._back),
        ):
            table = begin_function(primitives.module, name, names)
            write(table.builder, table)
            table.builder.ret_void()

    def _there(self, builder: ir.IRBuilder, table: Table) -> None:
        rows = builder.mul(table["batch"], table["steps"])
        inner, columns = table["features"], table["outputs"]
        builder.call(self.primitives.turned, [table["T"], table["W"], columns, inner])
        given = table["X"], table["T"], table["M"], rows, columns, inner, INDEX(0)
        builder.call(self.primitives.product, given)
        at, kind = self.primitives.at, self.primitives.kind
        to, product, bias = table["Y"], table["M"], table["B"]
        sequence, step, steps = table["sequence"], table["step"], table["steps"]
        with counted(builder, table["batch"]) as r, counted(builder, steps) as t:
            row = builder.add(builder.mul(r, sequence), builder.mul(t, step))
            given = at(builder, product, builder.mul(row, columns))
            row = builder.add(builder.mul(r, steps), t)
            made = at(builder, to, builder.mul(row, columns))
            with counted(builder, columns) as k:
                values = (builder.load(at(builder, a, k), typ=kind) for a in (given, bias))
                builder.store(builder.fadd(*values), at(builder, made, k))

    def _back(self, builder: ir.IRBuilder, table: Table) -> None:
        rows, inner, columns = table["rows"], table["features"], table["outputs"]
        e, x, w = table["E"], table["X"], table["W"]
        with table.given("GX"):
            given = e, w, table["GX"], rows, inner, columns, INDEX(0)
            builder.call(self.primitives.product, given)
        with table.given("GW"):
            given = e, x, table["GW"], rows, columns, inner, INDEX(0)
            builder.call(self.primitives.crossed, given)
        with table.given("GB"):
            given = e, table["O"], table["GB"], rows, columns, INDEX(1), INDEX(0)
            builder.call(self.primitives.crossed, given)
