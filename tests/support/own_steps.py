"""Steps that a user could write, each of some of torch's operations, which are compiled."""

import torch
from torch import Tensor
from torch.nn import functional as F

from rnnlab.cells import State
from tests.support.own_cell import OwnCell, Step, made_by, summed


def made_of(name: str, input_size: int = 3, dtype: torch.dtype = torch.float64) -> OwnCell:
    """The cell of one of the steps below."""
    return made_by(KNOWN[name], STATES.get(name, 1), input_size, dtype)


def leaky(cell: OwnCell, x: Tensor, state: State) -> State:
    a = torch.sigmoid(cell.leak)
    return ((1 - a) * state[0] + a * torch.tanh(summed(cell, x, state)),)


def minimal_gated(cell: OwnCell, x: Tensor, state: State) -> State:
    (h,) = state
    f = torch.sigmoid(summed(cell, x, state))
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
    return (torch.tanh(cell.norm(summed(cell, x, state))),)


def softmax(cell: OwnCell, x: Tensor, state: State) -> State:
    return (torch.softmax(summed(cell, x, state), -1) * cell.d + state[0] * 0.1,)


def log_softmax(cell: OwnCell, x: Tensor, state: State) -> State:
    a = summed(cell, x, state)
    return (0.1 * torch.log_softmax(a, -1) + 0.1 * torch.logsumexp(a, 1, keepdim=True),)


def unit_norm(cell: OwnCell, x: Tensor, state: State) -> State:
    return (F.normalize(summed(cell, x, state), dim=1),)


def norm_of_zero(cell: OwnCell, x: Tensor, state: State) -> State:
    """The first state is 0, where the gradient of its norm is 0 by torch's word."""
    return (torch.tanh(cell.w(x)) + 0.5 * F.normalize(state[0], dim=1),)


def standardised(cell: OwnCell, x: Tensor, state: State) -> State:
    a = summed(cell, x, state)
    scaled = (a - a.mean(1, keepdim=True)) / (a.std(1, keepdim=True) + 0.1)
    return (scaled + a.amax(1, keepdim=True) * 0.1 + a.var(1, keepdim=True) * 0.05,)


def delayed(cell: OwnCell, x: Tensor, state: State) -> State:
    return torch.tanh(cell.u(state[2]) + cell.w(x)), state[0], state[1]


def activations(cell: OwnCell, x: Tensor, state: State) -> State:
    a = summed(cell, x, state)
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
    new = torch.tanh(summed(cell, x, state))
    return (cell.mask * new + (1 - cell.mask) * state[0],)


def held_by_a_mask(cell: OwnCell, x: Tensor, state: State) -> State:
    shown = (x[:, :1] > 0) & (x[:, 1:2] < 1)  # which no state reaches
    return (torch.where(shown, torch.tanh(summed(cell, x, state)), state[0] * (~shown)),)


def branches_by_where(cell: OwnCell, x: Tensor, state: State) -> State:
    a = summed(cell, x, state)
    chosen = torch.where((a > 0) & ~(a > 2), torch.sin(a), torch.cos(a) * 0.5).clamp(-0.8, 0.7)
    largest = torch.maximum(a, state[0]) * 0.1 + torch.minimum(a, cell.d) * 0.1
    return (chosen + largest + (a > 0).to(a.dtype) * a * 0.1,)


def of_inputs_alone(cell: OwnCell, x: Tensor, state: State) -> State:
    gate = (
        torch.sigmoid(cell.w2(x)).cumsum(1) / 5
    )  # of what no state reaches torch does what it likes
    return (gate * torch.tanh(cell.u(state[0])) + x.sum(1, keepdim=True) * state[0] * 0.1,)


def in_pieces(cell: OwnCell, x: Tensor, state: State) -> State:
    a = torch.roll(summed(cell, x, state), 2, 1)
    rest, first, last = a[:, 2:], a[:, 0:1], a[:, 1].unsqueeze(1)
    return (torch.cat([torch.tanh(rest), torch.sigmoid(first), last * 0.5], 1),)


def detached(cell: OwnCell, x: Tensor, state: State) -> State:
    return (torch.tanh(summed(cell, x, state)) * state[0].detach().cos(),)


def powers(cell: OwnCell, x: Tensor, state: State) -> State:
    a = torch.sigmoid(summed(cell, x, state))
    b = a.sqrt() + a.rsqrt() * 0.1 + a.pow(2) + a**1.7 + a**-1 * 0.1 + a.log() * 0.1 + a.log1p()
    return (0.1 * (b + a.expm1() + a.erf() + a.abs() + a.reciprocal() * 0.1 + a.square()),)


def mixed(cell: OwnCell, x: Tensor, state: State) -> State:
    (h,) = state
    new = torch.lerp(h, torch.tanh(summed(cell, x, state)), torch.sigmoid(cell.leak))
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
    a = summed(cell, x, state)
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
        *(
            branches_by_where,
            held_by_a_mask,
            of_inputs_alone,
            in_pieces,
            detached,
            powers,
            unused_state,
        ),
        *(in_place, on_the_device, of_torchs_cells, cut_and_gated),
    )
}
STATES = {"coupled_oscillators": 2, "delayed": 3, "of_torchs_cells": 3}
