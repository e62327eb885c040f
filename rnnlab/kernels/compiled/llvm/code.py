"""A scan as a module of LLVM's: a step's two loops over time (steps.py), and whole runs of them (there.py, back.py).

forward:  for t in range(begin, end): for each level its products by BLAS, and its passes
backward: the same from the last step to the first
"""

from llvmlite import ir

from rnnlab.kernels.compiled.llvm.back import Back
from rnnlab.kernels.compiled.llvm.blas import Gemm
from rnnlab.kernels.compiled.llvm.direction import names
from rnnlab.kernels.compiled.llvm.primitives import Primitives
from rnnlab.kernels.compiled.llvm.steps import Frame, Steps
from rnnlab.kernels.compiled.llvm.there import There
from rnnlab.kernels.compiled.llvm.vector_math import add_vector_math
from rnnlab.kernels.compiled.step.plan import ScanPlan
from rnnlab.kernels.compiled.step.reads import Reads

KINDS = {"float32": ir.FloatType(), "float64": ir.DoubleType()}


class Code:
    """The text of a module, and what is in its table, in order.

    Args:
        plan: Of the step.
        reads: What it reads.
        dtype: "float32" or "float64".
        gemm: The product that BLAS has for this type.
    """

    def __init__(self, plan: ScanPlan, reads: Reads, dtype: str, gemm: Gemm) -> None:
        kind = KINDS[dtype]
        module = ir.Module("scan")
        add_vector_math(module, kind)
        primitives = Primitives(module, kind, gemm)
        self.table = names(plan, reads)
        for loop in (plan.forward, plan.backward):
            self.table += loop.rooms.values()
        frame = Frame(primitives, plan.states, _widths(plan))
        forward = Steps(frame, plan.forward, "forward", self.table).function
        backward = Steps(frame, plan.backward, "backward", self.table).function
        given = primitives, plan, reads, self.table
        There(*given, forward)
        Back(*given, backward)
        self.text = str(module)


def _widths(plan: ScanPlan) -> dict[str, int]:
    """Of the arrays of steps."""
    widths = {f"Z{k}": width for k, width in plan.rows.items()} | {"H": plan.states[0]}
    of_steps = plan.states, plan.kept_widths, plan.stored_widths
    for letter, all_widths in zip("SVE", of_steps, strict=True):
        widths |= {f"{letter}{k}": width for k, width in enumerate(all_widths)}
    sizes = {f"A{k}": rows * width for k, (rows, width) in plan.sum_sizes.items()}
    return widths | sizes
