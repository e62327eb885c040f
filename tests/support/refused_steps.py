"""Steps that a user could write and that run as the loop, with what is said of each."""

import random

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from rnnlab.cells import State
from tests.support.own_cell import OwnCell, Step, summed


def drops(cell: OwnCell, x: Tensor, state: State) -> State:
    return (F.dropout(torch.tanh(summed(cell, x, state)), 0.5, cell.training),)


def draws_noise(cell: OwnCell, x: Tensor, state: State) -> State:
    return (torch.tanh(summed(cell, x, state)) + torch.randn(5, dtype=x.dtype),)


def draws_of_python(cell: OwnCell, x: Tensor, state: State) -> State:
    return (torch.tanh(summed(cell, x, state)) * random.random(),)


def draws_of_numpy(cell: OwnCell, x: Tensor, state: State) -> State:
    return (torch.tanh(summed(cell, x, state)) * np.random.rand(),)  # noqa: NPY002


def looks(cell: OwnCell, x: Tensor, state: State) -> State:
    a = torch.tanh(summed(cell, x, state))
    return (a if float(a.detach()[0, 0]) > 0 else -a,)


def looks_by_numpy(cell: OwnCell, x: Tensor, state: State) -> State:
    return (torch.tanh(summed(cell, x, state)) * float(state[0].detach().numpy().max()),)


def changes_its_state(cell: OwnCell, x: Tensor, state: State) -> State:
    state[0].mul_(0.5)
    return (torch.tanh(summed(cell, x, state)),)


def changes_what_it_has_cut(cell: OwnCell, x: Tensor, state: State) -> State:
    a = summed(cell, x, state)
    a[:, :2] *= 0.5
    return (torch.tanh(a),)


def counts(cell: OwnCell, x: Tensor, state: State) -> State:
    cell.rate = 0.9 * cell.rate
    return (torch.tanh(summed(cell, x, state)) * cell.rate,)


def without_gradient(cell: OwnCell, x: Tensor, state: State) -> State:
    with torch.no_grad():
        gate = torch.sigmoid(state[0])
    return (torch.tanh(summed(cell, x, state)) * gate,)


def over_the_batch(cell: OwnCell, x: Tensor, state: State) -> State:
    return (torch.tanh(summed(cell, x, state)) - state[0].mean(0),)


def by_the_batch(cell: OwnCell, x: Tensor, state: State) -> State:
    return (torch.tanh(summed(cell, x, state)) / x.size(0),)


def accumulates(cell: OwnCell, x: Tensor, state: State) -> State:
    return (torch.tanh(summed(cell, x, state)).cumsum(1) * 0.1,)


def in_half(cell: OwnCell, x: Tensor, state: State) -> State:
    return (torch.tanh(summed(cell, x, state)).half().to(x.dtype),)


def of_heads(cell: OwnCell, x: Tensor, state: State) -> State:
    return (torch.tanh(summed(cell, x, state)).view(-1, 5, 1).squeeze(2) * 1.0,)


def hooks(cell: OwnCell, x: Tensor, state: State) -> State:
    a = torch.tanh(summed(cell, x, state))
    if a.requires_grad:
        a.register_hook(lambda g: 2 * g)
    return (a,)


REFUSED: dict[str, tuple[Step, str]] = {
    step.__name__: (step, says)
    for step, says in (
        (drops, "as dropout does"),
        (draws_noise, "draws random numbers (randn"),
        (draws_of_python, "draws random numbers"),
        (draws_of_numpy, "draws random numbers"),
        (looks, "looks at numbers|not a row|cannot be traced|select"),
        (looks_by_numpy, "uses Tensor.numpy"),
        (changes_its_state, "changes a tensor in place (mul_)"),
        (changes_what_it_has_cut, "changes a tensor in place (mul_)"),
        (counts, "changes its own attributes"),
        (without_gradient, "computes without a gradient (sigmoid"),
        (over_the_batch, "by mean, what is not a row"),
        (by_the_batch, "depends on the size of the batch"),
        (accumulates, "does cumsum to its state"),
        (in_half, "computes in float16"),
        (of_heads, "by view, what is not a row"),
        (hooks, "uses Tensor.requires_grad"),
    )
}
