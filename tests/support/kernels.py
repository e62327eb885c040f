"""What runs behind the cells, with its values and gradients."""

from functools import partial

import torch
from torch import Tensor

from rnnlab.cells import Cell
from rnnlab.cells.elman import ElmanCell
from rnnlab.cells.gru import GRUCell
from rnnlab.cells.lstm import LSTMCell

CELLS = {
    "tanh": partial(ElmanCell, nonlinearity="tanh"),
    "relu": partial(ElmanCell, nonlinearity="relu"),
    "sigmoid": partial(ElmanCell, nonlinearity="sigmoid"),
    "identity": partial(ElmanCell, nonlinearity="identity"),
    "gru": GRUCell,
    "lstm": LSTMCell,
}


def made(make, input_size: int, hidden_size: int, dtype: torch.dtype) -> Cell:
    """A cell none of whose weights is where it begins."""
    torch.manual_seed(0)
    cell = make(input_size, hidden_size).to(dtype)
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return cell


def all_steps(run, cell: Cell, inputs: Tensor, *start: Tensor) -> list[Tensor]:
    """Values, and gradients of a random linear function of all hidden states and the last state."""
    x, *state = (part.detach().clone().requires_grad_() for part in (inputs, *start))
    hidden, end = run(cell, x, tuple(state))
    torch.manual_seed(1)
    values = hidden, *end
    weights = [torch.randn(part.shape, dtype=torch.float64).to(part) for part in values]
    total = torch.stack([(v * w).mean() for v, w in zip(values, weights, strict=True)]).sum()
    return [*values, *torch.autograd.grad(total, [x, *state, *cell.parameters()])]
