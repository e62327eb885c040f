"""A cell's compiled scan as an operation of torch: its tensors as arrays, and the gradients back."""

from collections.abc import Sequence
from functools import cached_property
from threading import Lock
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from rnnlab.kernels.compiled.memory import Kind, Memory
from rnnlab.kernels.compiled.program import Program
from rnnlab.kernels.compiled.step.merge import factors, is_product
from rnnlab.kernels.compiled.step.outside import OutsideCalls
from rnnlab.kernels.compiled.step.plan import ScanPlan
from rnnlab.kernels.compiled.step.reads import Reads
from rnnlab.kernels.compiled.step.trace import Trace
from rnnlab.kernels.compiled.way_back import WayBack
from rnnlab.kernels.recurrence import lie_here, refuse_second_order

aten = torch.ops.aten
SMALL, KINDS, RUNS = 2**20, 8, 4
"""What is kept for later runs: memories of so many numbers at most, of so many kinds, so many of each."""


def outside_calls(plan: ScanPlan, trace: Trace) -> tuple[OutsideCalls, Reads]:
    """What makes the tensors of a scan, and how they are read."""
    products = [k for k in plan.rows if is_product(trace.rows[k])]
    plain = [k for k in plan.rows if trace.rows[k].is_inputs]
    others = [k for k in plan.rows if k not in (*products, *plain)]
    wanted = [
        *(trace.vectors[k] for k in plan.vectors),
        *(trace.matrices[k] for k in plan.matrices),
        *(factors(trace.rows[k])[1] for k in products),
        *(trace.rows[k] for k in others),
    ]
    turned = [value.call is not None and value.call[0] is aten.t.default for value in wanted]
    given = [
        v.call[1][0] if v.call and turns else v for v, turns in zip(wanted, turned, strict=True)
    ]
    turned += [False] * len(plan.states)
    sizes = [_sizes(value.like) for value in wanted[: len(wanted) - len(others)]]
    reads = Reads([*plan.vectors], [*plan.matrices], products, others, plain, turned, sizes)
    return OutsideCalls(given, trace.batch), reads


def _sizes(like: Tensor) -> tuple[int, int]:
    """Rows and columns, of a matrix or of a vector."""
    columns = like.shape[-1] if like.dim() else 1
    return like.numel() // max(1, columns), columns


class CompiledScan:
    """The scan of one cell.

    Args:
        program: Its loops.
        trace: Of its step, which names the tensors that they read.
        plan: Of the trace.
        key: What names the program.
    """

    def __init__(self, program: Program, trace: Trace, plan: ScanPlan, key: str) -> None:
        self.program, self.key = program, key
        self.outside, reads = outside_calls(plan, trace)
        self._shapes = self.outside.shapes[: len(reads.parameters)]
        self._free: dict[Kind, list[Rooms]] = {}

    def __call__(
        self, inputs: Tensor, state: Sequence[Tensor], all_steps: bool
    ) -> tuple[Tensor | None, tuple[Tensor, ...]] | None:
        """The hidden states of all steps, (batch, seq_len, hidden_size), or None; and the last state.

        None where parameters have been moved since, or are of another type or size: the loop says what is wrong.
        """
        flat = None
        if self.outside.reads_inputs:
            flat = inputs.transpose(0, 1).reshape(-1, inputs.size(2))
        tensors = self.outside(flat, inputs.size(0) * inputs.size(1))
        if not lie_here(inputs.dtype, *tensors):
            return None
        for tensor, shape in zip(tensors, self._shapes, strict=False):
            if tensor.shape != shape:
                return None
        keep = torch.is_grad_enabled() and _needed(inputs, *tensors, *state)
        hidden, *last = _Scan.apply(self, keep, all_steps, inputs, *tensors, *state)
        return hidden, tuple(last)

    def borrow(self, kind: Kind, steps: int) -> "Borrowed":
        """Room for one run, which has it alone as long as this is held."""
        try:
            rooms = self._free[kind].pop()
        except (KeyError, IndexError):
            rooms = None
        if rooms is None or rooms.memory.most < steps:
            rooms = Rooms(Memory(self.program, kind, steps))
        return Borrowed(self, rooms)

    def give_back(self, rooms: "Rooms") -> None:
        """Keep small ones for the next run of their kind."""
        if not rooms.small:
            return
        rooms.memory.forget()
        if len(self._free) > KINDS:
            self._free.clear()
        free = self._free.setdefault(rooms.memory.kind, [])
        if len(free) < RUNS:
            free.append(rooms)


def _needed(*tensors: Tensor) -> bool:
    """Whether any is to have a gradient."""
    for tensor in tensors:  # noqa: SIM110  as any() of a generator takes twice as long
        if tensor.requires_grad:
            return True
    return False


class Rooms:
    """The arrays of a run, there and back."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.small = memory.numbers <= SMALL
        self._lock = Lock()

    @cached_property
    def way_back(self) -> WayBack:
        return WayBack(self.memory)

    def go_back(self, *given: Any) -> tuple[Tensor | None, list[Tensor | None]]:
        """`WayBack.run`, for one at a time: two threads may go back over one run."""
        with self._lock:
            return self.way_back.run(*given)


class Borrowed:
    """Rooms in use. They are given back when nobody holds this any longer."""

    def __init__(self, scan: CompiledScan, rooms: Rooms) -> None:
        self.scan, self.rooms = scan, rooms

    def __del__(self) -> None:
        self.scan.give_back(self.rooms)


class _Scan(Function):
    @staticmethod
    def forward(
        ctx: Any, scan: CompiledScan, keep: bool, all_steps: bool, inputs: Tensor, *tensors: Tensor
    ) -> tuple[Tensor | None, ...]:
        kind = Kind(inputs.size(0), inputs.size(2), keep, all_steps)
        borrowed = scan.borrow(kind, inputs.size(1))
        hidden, last = borrowed.rooms.memory.run(inputs, tensors)
        ctx.set_materialize_grads(False)
        if keep:
            ctx.borrowed = borrowed
            ctx.save_for_backward(inputs, *tensors, hidden)
        return hidden, *last

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> Any:
        refuse_second_order()
        inputs, *tensors, _ = ctx.saved_tensors  # which looks whether anyone has changed them
        of_x, *needs = ctx.needs_input_grad[3:]
        above, *last = grads
        given = above, last, inputs if of_x else None, tensors, needs
        found, of_tensors = ctx.borrowed.rooms.go_back(*given)
        return None, None, None, found, *of_tensors
