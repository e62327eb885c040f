"""The scan over time of any cell that has a `step`, compiled where that does what the loop would.

    h_1 = step(x_1, h_0), ..., h_T = step(x_T, h_{T-1})

`hidden, state = scan(cell, inputs, state)`. What is compiled, and how, stands in compiled/.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from rnnlab.kernels.recurrence import is_exact, is_watched, lie_here


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
    if not (_fits(inputs, state) and is_exact(inputs)) or is_watched():
        return None
    # here, for what imports the cells needs no compiler
    from rnnlab.kernels.compiled.choice import scan_of

    compiled = scan_of(cell, inputs, state)
    return None if compiled is None else compiled(inputs, state, all_steps)


def _fits(inputs: Tensor, state: Sequence[Tensor]) -> bool:
    """Whether these are rows of numbers on the CPU, of one type and at least one."""
    if inputs.dim() != 3 or not isinstance(state, tuple) or not state or 0 in inputs.shape:
        return False
    if not lie_here(inputs.dtype, inputs, *state):
        return False
    batch = inputs.size(0)
    for part in state:
        if part.dim() != 2 or part.size(0) != batch or part.size(1) == 0:
            return False
    return True
