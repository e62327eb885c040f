"""Cells that a user could write, each a step of some torch operations, on parameters that all of them have."""

import random
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnlab.cells import Cell, State

Step = Callable[["OwnCell", Tensor, State], State]


class OwnCell(Cell):
    """A step given by name, with some layers, a leak, a diagonal and a mask to make it of."""

    def __init__(
        self, step: Step, num_states: int = 1, input_size: int = 3, hidden_size: int = 5
    ) -> None:
        super().__init__(input_size, hidden_size)
        self.num_states, self._step = num_states, step
        self.w, self.w2 = nn.Linear(input_size, hidden_size), nn.Linear(input_size, hidden_size)
        self.u, self.u2 = nn.Linear(hidden_size, hidden_size), nn.Linear(hidden_size, hidden_size)
        self.v = nn.Linear(input_size + 2 * hidden_size, hidden_size)
        self.norm = nn.LayerNorm(hidden_size)
        self.leak, self.d = nn.Parameter(torch.tensor(0.3)), nn.Parameter(torch.randn(hidden_size))
        self.rate = 0.5
        self.mask: Tensor
        self.register_buffer("mask", (torch.arange(hidden_size) % 2).float())

    def initial_state(self, inputs: Tensor) -> State:
        return (inputs.new_zeros(inputs.size(0), self.hidden_size),) * self.num_states

    def step(self, inputs: Tensor, state: State) -> State:
        return self._step(self, inputs, state)


def made_of(name: str, input_size: int = 3, dtype: torch.dtype = torch.float64) -> OwnCell:
    """One of the cells below, whose weights are those of a seed."""
    torch.manual_seed(0)
    step = KNOWN[name] if name in KNOWN else UNKNOWN[name][0]
    return OwnCell(step, STATES.get(name, 1), input_size).to(dtype)


def _sum(cell: OwnCell, x: Tensor, state: State) -> Tensor:
    return cell.w(x) + cell.u(state[0])


def leaky(cell: OwnCell, x: Tensor, state: State) -> State:
    a = torch.sigmoid(cell.leak)
    return ((1 - a) * state[0] + a * torch.tanh(_sum(cell, x, state)),)


def minimal_gated(cell: OwnCell, x: Tensor, state: State) -> State:
    (h,) = state
    f = torch.sigmoid(_sum(cell, x, state))
    return ((1 - f) * h + f * torch.tanh(cell.w2(x) + cell.u2(f * h)),)


def independent(cell: OwnCell, x: Tensor, state: State) -> State:
    return (torch.relu(cell.w(x) + torch.tanh(cell.d) * state[0]),)


def coupled_oscillators(cell: OwnCell, x: Tensor, state: State) -> State:
    y, z = state
    z = z + 0.05 * (torch.tanh(cell.v(torch.cat([x, z, y], 1))) - 2 * y - 3 * z)
    return y + 0.05 * z, z


def antisymmetric(cell: OwnCell, x: Tensor, state: State) -> State:
    u = cell.u.weight
    a = state[0] @ (u - u.T - 0.01 * torch.eye(len(u), dtype=x.dtype)).T
    return (state[0] + 0.1 * torch.sigmoid(a + cell.w2(x)) * torch.tanh(a + cell.w(x)),)


def layer_norm(cell: OwnCell, x: Tensor, state: State) -> State:
    return (torch.tanh(cell.norm(_sum(cell, x, state))),)


def softmax(cell: OwnCell, x: Tensor, state: State) -> State:
    return (torch.softmax(_sum(cell, x, state), -1) * cell.d + state[0] * 0.1,)


def log_softmax(cell: OwnCell, x: Tensor, state: State) -> State:
    a = _sum(cell, x, state)
    return (0.1 * torch.log_softmax(a, -1) + 0.1 * torch.logsumexp(a, 1, keepdim=True),)


def unit_norm(cell: OwnCell, x: Tensor, state: State) -> State:
    return (F.normalize(_sum(cell, x, state), dim=1),)


def norm_of_zero(cell: OwnCell, x: Tensor, state: State) -> State:
    """The first state is 0, where the gradient of its norm is 0 by torch's word."""
    return (torch.tanh(cell.w(x)) + 0.5 * F.normalize(state[0], dim=1),)


def standardised(cell: OwnCell, x: Tensor, state: State) -> State:
    a = _sum(cell, x, state)
    scaled = (a - a.mean(1, keepdim=True)) / (a.std(1, keepdim=True) + 0.1)
    return (scaled + a.amax(1, keepdim=True) * 0.1 + a.var(1, keepdim=True) * 0.05,)


def delayed(cell: OwnCell, x: Tensor, state: State) -> State:
    return torch.tanh(cell.u(state[2]) + cell.w(x)), state[0], state[1]


def activations(cell: OwnCell, x: Tensor, state: State) -> State:
    a = _sum(cell, x, state)
    kinds = (
        F.elu,
        F.gelu,
        F.silu,
        F.softplus,
        F.leaky_relu,
        F.hardtanh,
        F.selu,
        F.mish,
        F.softsign,
    )
    return (0.1 * sum((kind(a) for kind in kinds), F.gelu(a, approximate="tanh") + F.relu6(a)),)


def masked(cell: OwnCell, x: Tensor, state: State) -> State:
    new = torch.tanh(_sum(cell, x, state))
    return (cell.mask * new + (1 - cell.mask) * state[0],)


def branches_by_where(cell: OwnCell, x: Tensor, state: State) -> State:
    a = _sum(cell, x, state)
    chosen = torch.where((a > 0) & ~(a > 2), torch.sin(a), torch.cos(a) * 0.5).clamp(-0.8, 0.7)
    largest = torch.maximum(a, state[0]) * 0.1 + torch.minimum(a, cell.d) * 0.1
    return (chosen + largest + (a > 0).to(a.dtype) * a * 0.1,)


def of_inputs_alone(cell: OwnCell, x: Tensor, state: State) -> State:
    gate = (
        torch.sigmoid(cell.w2(x)).cumsum(1) / 5
    )  # of what no state reaches torch does what it likes
    return (gate * torch.tanh(cell.u(state[0])) + x.sum(1, keepdim=True) * state[0] * 0.1,)


def in_pieces(cell: OwnCell, x: Tensor, state: State) -> State:
    a = torch.roll(_sum(cell, x, state), 2, 1)
    rest, first, last = a[:, 2:], a[:, 0:1], a[:, 1].unsqueeze(1)
    return (torch.cat([torch.tanh(rest), torch.sigmoid(first), last * 0.5], 1),)


def detached(cell: OwnCell, x: Tensor, state: State) -> State:
    return (torch.tanh(_sum(cell, x, state)) * state[0].detach().cos(),)


def powers(cell: OwnCell, x: Tensor, state: State) -> State:
    a = torch.sigmoid(_sum(cell, x, state))
    b = a.sqrt() + a.rsqrt() * 0.1 + a.pow(2) + a**1.7 + a**-1 * 0.1 + a.log() * 0.1 + a.log1p()
    return (0.1 * (b + a.expm1() + a.erf() + a.abs() + a.reciprocal() * 0.1 + a.square()),)


def mixed(cell: OwnCell, x: Tensor, state: State) -> State:
    (h,) = state
    new = torch.lerp(h, torch.tanh(_sum(cell, x, state)), torch.sigmoid(cell.leak))
    spread = F.linear(h, cell.u.weight[:1]).expand(-1, 5)
    return (
        torch.addcmul(new, h, cell.d, value=0.1)
        + 0.1 * spread
        + torch.mv(h, cell.d)[:, None] * 0.01,
    )


def in_place(cell: OwnCell, x: Tensor, state: State) -> State:
    a = cell.w(x)
    a += cell.u(state[0])
    a.mul_(0.5).sub_(cell.d)
    return (torch.tanh(F.rms_norm(a, (5,), cell.d)),)


def on_the_device(cell: OwnCell, x: Tensor, state: State) -> State:
    options = {"dtype": x.dtype, "device": x.device}
    ones, eye = torch.ones(x.size(0), 1, **options), torch.eye(5, **options)
    scale = torch.tensor([0.5, 1.0, 0.7, 0.1, 0.9]).to(x)
    return (torch.tanh(cell.w(x) + state[0] @ (cell.u.weight + eye) + ones) * scale,)


def of_torchs_cells(cell: OwnCell, x: Tensor, state: State) -> State:
    """A GRU's and an LSTM's step, as torch has them, of few weights made many."""
    h, c, g = state
    u = torch.cat([cell.u.weight, cell.u2.weight, cell.u.weight, 0.5 * cell.u2.weight])
    w = torch.cat([cell.w.weight, cell.w2.weight, cell.w.weight, 0.5 * cell.w2.weight])
    h, c = torch.lstm_cell(x, (h, c), w, u)
    return h, c, torch.gru_cell(x, g, w[:15], u[:15])


def cut_and_gated(cell: OwnCell, x: Tensor, state: State) -> State:
    a = _sum(cell, x, state)
    first, *_ = a.unbind(1)
    return (F.glu(torch.cat([a, cell.w2(x)], 1), 1) + first.unsqueeze(1) * 0.1,)


def unused_state(cell: OwnCell, x: Tensor, state: State) -> State:
    return (torch.tanh(cell.w(x)),)


KNOWN: dict[str, Step] = {
    step.__name__: step
    for step in (
        *(
            leaky,
            minimal_gated,
            independent,
            coupled_oscillators,
            antisymmetric,
            layer_norm,
            softmax,
        ),
        *(log_softmax, unit_norm, norm_of_zero, standardised, delayed, activations, masked, mixed),
        *(branches_by_where, of_inputs_alone, in_pieces, detached, powers, unused_state),
        *(in_place, on_the_device, of_torchs_cells, cut_and_gated),
    )
}
STATES = {"coupled_oscillators": 2, "delayed": 3, "of_torchs_cells": 3}


def drops(cell: OwnCell, x: Tensor, state: State) -> State:
    return (F.dropout(torch.tanh(_sum(cell, x, state)), 0.5, cell.training),)


def draws_noise(cell: OwnCell, x: Tensor, state: State) -> State:
    return (torch.tanh(_sum(cell, x, state)) + torch.randn(5, dtype=x.dtype),)


def draws_of_python(cell: OwnCell, x: Tensor, state: State) -> State:
    return (torch.tanh(_sum(cell, x, state)) * random.random(),)


def draws_of_numpy(cell: OwnCell, x: Tensor, state: State) -> State:
    return (torch.tanh(_sum(cell, x, state)) * np.random.rand(),)  # noqa: NPY002


def looks(cell: OwnCell, x: Tensor, state: State) -> State:
    a = torch.tanh(_sum(cell, x, state))
    return (a if float(a.detach()[0, 0]) > 0 else -a,)


def looks_by_numpy(cell: OwnCell, x: Tensor, state: State) -> State:
    return (torch.tanh(_sum(cell, x, state)) * float(state[0].detach().numpy().max()),)


def changes_its_state(cell: OwnCell, x: Tensor, state: State) -> State:
    state[0].mul_(0.5)
    return (torch.tanh(_sum(cell, x, state)),)


def changes_what_it_has_cut(cell: OwnCell, x: Tensor, state: State) -> State:
    a = _sum(cell, x, state)
    a[:, :2] *= 0.5
    return (torch.tanh(a),)


def counts(cell: OwnCell, x: Tensor, state: State) -> State:
    cell.rate = 0.9 * cell.rate
    return (torch.tanh(_sum(cell, x, state)) * cell.rate,)


def without_gradient(cell: OwnCell, x: Tensor, state: State) -> State:
    with torch.no_grad():
        gate = torch.sigmoid(state[0])
    return (torch.tanh(_sum(cell, x, state)) * gate,)


def over_the_batch(cell: OwnCell, x: Tensor, state: State) -> State:
    return (torch.tanh(_sum(cell, x, state)) - state[0].mean(0),)


def by_the_batch(cell: OwnCell, x: Tensor, state: State) -> State:
    return (torch.tanh(_sum(cell, x, state)) / x.size(0),)


def accumulates(cell: OwnCell, x: Tensor, state: State) -> State:
    return (torch.tanh(_sum(cell, x, state)).cumsum(1) * 0.1,)


def in_half(cell: OwnCell, x: Tensor, state: State) -> State:
    return (torch.tanh(_sum(cell, x, state)).half().to(x.dtype),)


def of_heads(cell: OwnCell, x: Tensor, state: State) -> State:
    return (torch.tanh(_sum(cell, x, state)).view(-1, 5, 1).squeeze(2) * 1.0,)


def hooks(cell: OwnCell, x: Tensor, state: State) -> State:
    a = torch.tanh(_sum(cell, x, state))
    if a.requires_grad:
        a.register_hook(lambda g: 2 * g)
    return (a,)


UNKNOWN: dict[str, tuple[Step, str]] = {
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
