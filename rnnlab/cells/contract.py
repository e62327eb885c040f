"""What a cell has to keep to, or what is said of it would be false."""

import copy
from typing import Any

import torch
from torch import Tensor

from rnnlab.cells.cell import Cell, State
from rnnlab.foundation.contract import called, kind, refuse
from rnnlab.foundation.masking import first_line

BATCH, STEPS = 3, 4


def check_cell(cell: Cell) -> None:
    """Try a copy of a cell, in double precision, on a few random steps.

    Checked are that `initial_state` and `step` give a tuple of tensors (batch, ...), of the same shapes
    and types at every step, the first of them h_t, (batch, hidden_size); and that `forward` gives what
    the loop over `step` gives. Every run begins with it, and a test of your own cell can call it:
    `check_cell(LeakyCell(input_size=2, hidden_size=8))`.

    Raises:
        ContractError: That names the cell's class, what it gave and what is wanted.
    """
    try:
        cell = copy.deepcopy(cell).double().cpu().eval()
    except RuntimeError as error:
        why = f"cannot be copied, as diagnostics do: {first_line(error)}"
        refuse(cell, f"__deepcopy__ {why}", "parameters and buffers that torch can copy")
    draws = torch.Generator().manual_seed(0)
    inputs = torch.randn(BATCH, STEPS, cell.input_size, generator=draws, dtype=torch.double)
    with torch.no_grad():
        state = called(cell, "initial_state", inputs)
        _check_state(cell, "initial_state", state, None)
        hidden = []
        for x in inputs.unbind(dim=1):
            after = called(cell, "step", x, state)
            _check_state(cell, "step", after, state)
            state = after
            hidden.append(state[0])
        _check_forward(cell, called(cell, "forward", inputs), torch.stack(hidden, dim=1), state)


def _check_state(cell: Cell, method: str, state: Any, before: State | None) -> None:
    if not isinstance(state, tuple) or not state or not all(map(torch.is_tensor, state)):
        wanted = "a tuple of tensors, as (h,)"
        refuse(cell, f"{method} gave {kind(state)}", wanted)
    wanted = (BATCH, cell.hidden_size)
    if state[0].shape != wanted or any(tensor.shape[:1] != (BATCH,) for tensor in state):
        asked = f"tensors (batch, ...), the first (batch, hidden_size) = {wanted}"
        refuse(cell, f"{method} gave {kind(state)}", asked)
    if before is None and any(t.is_floating_point() and t.dtype != torch.double for t in state):
        asked = "the type of the inputs, as inputs.new_zeros(...) gives it: here double precision"
        refuse(cell, f"{method} gave {kind(state)}", asked)
    if before is not None and kind(state) != kind(before):
        asked = f"what it was given, {kind(before)}"
        refuse(cell, f"{method} gave {kind(state)}", asked)


def _check_forward(cell: Cell, given: Any, hidden: Tensor, state: State) -> None:
    if type(cell).forward is Cell.forward and not cell.has_own_way():
        return
    pair = isinstance(given, tuple) and len(given) == 2 and torch.is_tensor(given[0])
    if not pair or kind(given[0]) != kind(hidden) or kind(given[1]) != kind(state):
        asked = f"hidden states and the last state, {kind((hidden, state))}"
        refuse(cell, f"forward gave {kind(given)}", asked)
    steps, unrolled = (given[0], *given[1]), (hidden, *state)
    off = max(_difference(a, b) for a, b in zip(steps, unrolled, strict=True))
    if off > 1e-6:
        asked = "the same values from both"
        name = "forward" if type(cell).forward is not Cell.forward else "own_way"
        refuse(cell, f"{name} is off from the loop over step by {off:.2g}", asked)


def _difference(a: Tensor, b: Tensor) -> float:
    """The largest, relative to the largest number."""
    largest = b.abs().max().clamp(min=1.0)
    return 0.0 if torch.equal(a, b) else float(((a - b).abs().max() / largest).nan_to_num(1.0))
