"""A step's two loops over time as a module of LLVM's; each takes one table of addresses and numbers.

forward:  for t in range(begin, end): for each level its products by BLAS, and its passes
backward: the same from the last step to the first
"""

from typing import Any

from llvmlite import ir

from rnnlab.kernels.compiled.blas import Gemm
from rnnlab.kernels.compiled.passes import INDEX
from rnnlab.kernels.compiled.plan import ScanPlan
from rnnlab.kernels.compiled.steps import Frame, Steps
from rnnlab.kernels.compiled.vector_math import add_vector_math

NUMBERS = ("begin", "end", "batch", "keep", "ring", "rest", "above")
KINDS = {"float32": ir.FloatType(), "float64": ir.DoubleType()}


class Code:
    """The text of both loops, and the names of their tables in order.

    Args:
        plan: Of the step.
        dtype: "float32" or "float64".
        gemm: The product that BLAS has for this type.
    """

    def __init__(self, plan: ScanPlan, dtype: str, gemm: Gemm) -> None:
        self.plan, self.kind = plan, KINDS[dtype]
        self.module = ir.Module("scan")
        add_vector_math(self.module, self.kind)
        shared = [f"S{k}" for k in range(len(plan.states))] + [f"Z{k}" for k in plan.rows]
        shared += [f"V{k}" for k in range(len(plan.kept))] + [f"q{k}" for k in plan.vectors]
        carried = [f"{letter}{k}" for k in range(len(plan.states)) for letter in "CD"]
        stored = [f"E{k}" for k in range(len(plan.stored))] + [f"A{k}" for k in plan.sum_sizes]
        rooms = [list(loop.rooms.values()) for loop in (plan.forward, plan.backward)]
        self.forward = [*NUMBERS, *shared, *(f"w{k}" for k in plan.matrices), *rooms[0]]
        self.backward = [*NUMBERS, *shared, *(f"u{k}" for k in plan.matrices)]
        self.backward += ["H", *carried, *stored, *rooms[1]]
        frame = Frame(
            self.module, self.kind, plan.states, self._widths(), self._product(gemm), self._added()
        )
        Steps(frame, plan.forward, "forward", self.forward)
        Steps(frame, plan.backward, "backward", self.backward)
        self.text = str(self.module)

    def _widths(self) -> dict[str, int]:
        """Of the arrays of steps."""
        plan = self.plan
        widths = {f"Z{k}": width for k, width in plan.rows.items()} | {"H": plan.states[0]}
        for letter, all_widths in zip(
            "SVE", (plan.states, plan.kept_widths, plan.stored_widths), strict=True
        ):
            widths |= {f"{letter}{k}": width for k, width in enumerate(all_widths)}
        sizes = {f"A{k}": rows * width for k, (rows, width) in plan.sum_sizes.items()}
        return widths | sizes

    def _product(self, gemm: Gemm) -> ir.Function:
        """C = A B, of rows: BLAS, which has columns, is asked for C' = B' A'."""
        pointer, whole = ir.PointerType(), ir.IntType(gemm.bits)
        called = ir.Function(self.module, ir.FunctionType(ir.VoidType(), [pointer] * 13), gemm.name)
        kind = ir.FunctionType(ir.VoidType(), [*[pointer] * 3, *[INDEX] * 3])
        product = ir.Function(self.module, kind, "product")
        product.linkage = "internal"
        builder = ir.IRBuilder(product.append_basic_block())
        a, b, c, *sizes = product.args

        def kept(value: Any) -> Any:
            room = builder.alloca(value.type)
            builder.store(value, room)
            return room

        rows, columns, inner = (
            kept(builder.trunc(size, whole) if gemm.bits < 64 else size) for size in sizes
        )
        one, zero = kept(ir.Constant(self.kind, 1.0)), kept(ir.Constant(self.kind, 0.0))
        plain = kept(ir.IntType(8)(ord("N")))
        builder.call(
            called,
            [plain, plain, columns, rows, inner, one, b, columns, a, inner, zero, c, columns],
        )
        builder.ret_void()
        return product

    def _added(self) -> ir.Function:
        """What arrives at h_t from above, to what arrives from the step after it: a += b, of n numbers."""
        pointer = ir.PointerType()
        kind = ir.FunctionType(ir.VoidType(), [INDEX, pointer, pointer])
        added = ir.Function(self.module, kind, "added")
        added.linkage = "internal"
        count, a, b = added.args
        for argument in (a, b):
            argument.add_attribute("noalias")
        entry, body, end = (added.append_basic_block() for _ in range(3))
        ir.IRBuilder(entry).branch(body)
        builder = ir.IRBuilder(body)
        i = builder.phi(INDEX)
        i.add_incoming(INDEX(0), entry)
        where = [builder.gep(array, [i], source_etype=self.kind) for array in (a, b)]
        values = [builder.load(pointer, typ=self.kind) for pointer in where]
        builder.store(builder.fadd(*values), where[0])
        i.add_incoming(after := builder.add(i, INDEX(1)), body)
        builder.cbranch(builder.icmp_unsigned("==", after, count), end, body)
        ir.IRBuilder(end).ret_void()
        return added
