"""The scan over time of any cell that has a `step`, compiled where that does what the loop would.

    h_1 = step(x_1, h_0), ..., h_T = step(x_T, h_{T-1})

`hidden, state = scan(cell, inputs, state)`. What is compiled, and how, stands in compiled/.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from rnnlab.kernels.recurrence import is_exact

PLAIN = (Tensor, nn.Parameter)


def scan(
    cell: nn.Module, inputs: Tensor, state: Sequence[Tensor], all_steps: bool = True
) -> tuple[Tensor | None, tuple[Tensor, ...]] | None:
    """Unroll `cell.step`, or None where its loop is to run.

    Args:
        cell: Whose step, from tensors (batch, features) to tensors (batch, features).
        inputs: x, (batch, seq_len, features).
        state: Before the first step.
        all_steps: Whether the hidden states of all steps are wanted, or the last alone.

    Returns:
        h_1 to h_T, (batch, seq_len, hidden_size), or None; and the last state.
    """
    if not (_fits(inputs, state) and is_exact(inputs) and _is_plain()):
        return None
    from rnnlab.kernels.compiled.choice import (
        scan_of,
    )  # here, for what imports the cells needs no compiler

    compiled = scan_of(cell, inputs, state)
    return None if compiled is None else compiled(inputs, state, all_steps)


def _fits(inputs: Tensor, state: Sequence[Tensor]) -> bool:
    """Whether these are rows of numbers on the CPU, of one type and at least one."""
    if inputs.dim() != 3 or not isinstance(state, tuple) or not state or 0 in inputs.shape:
        return False
    batch, dtype = inputs.size(0), inputs.dtype
    if type(inputs) not in PLAIN or not inputs.is_cpu:
        return False
    for part in state:
        if type(part) not in PLAIN or not part.is_cpu or part.dtype != dtype:
            return False
        if part.dim() != 2 or part.size(0) != batch or part.size(1) == 0:
            return False
    return True


def _is_plain() -> bool:
    """Whether nobody looks into the operations as they run."""
    watched = torch._C._len_torch_dispatch_stack() > 0 or torch.compiler.is_compiling()
    return not watched and forward_ad._current_level < 0
