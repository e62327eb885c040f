"""A compiled scan against the loop over `step`, before it is ever used: values and gradients of a few steps."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from rnnlab.kernels.compiled.step.refusal import Unknown
from rnnlab.kernels.unroll import unroll

BATCH, STEPS = 3, 4
TOLERANCE = {torch.float32: 1e-3, torch.float64: 1e-6}
"""Of the largest number: what is wrong in a formula is larger, and some of torch's constants have 24 bits."""


def check_scan(
    scan: Callable[..., Any], cell: Any, inputs: Tensor, state: Sequence[Tensor]
) -> None:
    """On inputs and states of these sizes, drawn here.

    Raises:
        Unknown: If they differ, or the loop's are not finite.
    """
    draws = torch.Generator().manual_seed(0)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=draws, dtype=inputs.dtype)

    x = drawn(BATCH, STEPS, inputs.size(2)).requires_grad_(inputs.requires_grad)
    before = tuple(drawn(BATCH, part.size(1)).requires_grad_() for part in state)
    weights = [
        drawn(BATCH, STEPS, state[0].size(1)),
        *(drawn(BATCH, part.size(1)) for part in state),
    ]
    leaves = [t for t in (x, *before, *cell.parameters()) if t.requires_grad]
    with torch.enable_grad():
        for first in (0, 1):  # a loss on all steps, or on the last state alone
            found = _results(scan(x, before, first == 0), weights, leaves, first)
            wanted = _results(unroll(cell.step, x, before), weights, leaves, first)
            if not all(value.isfinite().all() for value in wanted):
                raise Unknown("gives no finite numbers to check it by")
            scale = max(float(value.abs().max()) for value in wanted)
            for mine, loops in zip(found, wanted, strict=True):
                _compare(mine, loops, scale)


def _results(
    given: tuple[Tensor | None, Sequence[Tensor]],
    weights: list[Tensor],
    leaves: list[Tensor],
    first: int,
) -> list[Tensor]:
    """Values, and the gradients of a linear function of them."""
    values = [value for value in (given[0], *given[1])[first:] if value is not None]
    total = torch.stack([(w * v).sum() for w, v in zip(weights[first:], values, strict=True)]).sum()
    gradients = torch.autograd.grad(total, leaves, allow_unused=True)
    zeros = [
        torch.zeros_like(t) if g is None else g for t, g in zip(leaves, gradients, strict=True)
    ]
    return [value.detach() for value in (*values, *zeros)]


def _compare(mine: Tensor, loops: Tensor, scale: float) -> None:
    largest = max(float(loops.abs().max()), 1e-3 * scale)
    tolerance = TOLERANCE[mine.dtype] * largest
    if not torch.allclose(mine, loops, rtol=TOLERANCE[mine.dtype], atol=tolerance, equal_nan=True):
        raise Unknown("gives other numbers compiled")
