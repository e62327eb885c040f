"""A part of a computation that keeps what it is given alone, and runs again on the way back (Chen et al., 2016).

torch.utils.checkpoint does so too. Its form that goes with every use of a gradient drops the tensors of the first
run, but not the graph: 10 KB a step of a cell that runs as a loop, more than its states. This one has none.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from rnnlab.kernels.recurrence import refuse_second_order

Run = Callable[..., tuple[Tensor, ...]]


def recomputed(run: Run, given: Sequence[Tensor], parameters: Sequence[Tensor]) -> Any:
    """`run(*given)`, whose gradient comes of a second run.

    Args:
        run: From tensors to tensors. It may draw random numbers of torch's, which are drawn again.
        given: What it takes.
        parameters: What else it reads that has a gradient.
    """
    return _Part.apply(run, len(given), *given, *parameters)


class _Part(Function):
    @staticmethod
    def forward(ctx: Any, run: Run, count: int, *tensors: Tensor) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        ctx.run, ctx.count, ctx.conditions = run, count, _Conditions(tensors[0].device)
        ctx.save_for_backward(*tensors)
        return run(*tensors[:count])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> Any:
        refuse_second_order()
        tensors, needs = ctx.saved_tensors, ctx.needs_input_grad[2:]
        given = [
            tensor.detach().requires_grad_(needed)
            for tensor, needed in zip(tensors[: ctx.count], needs, strict=False)
        ]
        with torch.enable_grad(), ctx.conditions.again():
            outputs = ctx.run(*given)
        reached = [
            (output, grad)
            for output, grad in zip(outputs, grads, strict=True)
            if grad is not None and output.requires_grad
        ]
        every = [*given, *tensors[ctx.count :]]
        wanted = [tensor for tensor, needed in zip(every, needs, strict=True) if needed]
        found = iter(_gradients(reached, wanted))
        return None, None, *(next(found) if needed else None for needed in needs)


def _gradients(
    reached: list[tuple[Tensor, Tensor]], wanted: list[Tensor]
) -> Sequence[Tensor | None]:
    if not reached:
        return [None] * len(wanted)
    outputs, grads = zip(*reached, strict=True)
    return torch.autograd.grad(outputs, wanted, grads, allow_unused=True)


class _Conditions:
    """Where torch's random numbers stand, and in which precision it computes."""

    def __init__(self, device: torch.device) -> None:
        kind = device.type
        self.cuda = [device] if kind == "cuda" else []
        self.state = torch.get_rng_state()
        self.states = [torch.cuda.get_rng_state(each) for each in self.cuda]
        self.kind, self.mixed = kind, torch.is_autocast_enabled(kind)
        self.dtype = torch.get_autocast_dtype(kind)

    @contextmanager
    def again(self) -> Iterator[None]:
        mixed = torch.autocast(self.kind, self.dtype, enabled=self.mixed)
        with torch.random.fork_rng(devices=self.cuda), mixed:
            torch.set_rng_state(self.state)
            for device, state in zip(self.cuda, self.states, strict=True):
                torch.cuda.set_rng_state(state, device)
            yield
