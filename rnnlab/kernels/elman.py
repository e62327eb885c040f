"""Elman's recurrence, h_t = f(W x_t + U h_{t-1} + b), two operations a step each way.

Forward. W x_t + b is one matrix product for many steps, written where the states will be; a step
adds U h_{t-1} to it in place and applies f in place.

torch's tanh costs three times its sigmoid, and tanh(a) = 2 sigmoid(2 a) - 1. So a tanh cell runs on
s = (h + 1)/2 instead of h, with the constants in its weights:

    s_t = sigmoid(2 W x_t + 4 U s_{t-1} + 2 (b - U 1)),    h_t = 2 s_t - 1

Backward. With e_t = dL/da_t, a_t what f is applied to, and g_t what arrives at h_t from above:

    dL/dh_t = g_t + U' e_{t+1},    e_t = f'(a_t) * dL/dh_t
    dL/dU = sum_t e_t h_{t-1}',    dL/dW = sum_t e_t x_t',    dL/db = sum_t e_t

f' is a function of the state alone: 4 (s - s^2) for tanh, s - s^2 for sigmoid, sign(h) for relu.
It is taken for a chunk of steps at once; a step is one product with dL/dh_t and one with U, and the
sums over time are matrix products over the chunk.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function

from rnnlab.kernels.scan import backward_chunks, chunks, exact, refuse_second_order


def _logistic_slope(s: Tensor) -> Tensor:
    return torch.addcmul(s, s, s, value=-1)


class _Form(NamedTuple):
    """How the kernel keeps one f: on states s with h = spread s + low."""

    f_: Callable[[Tensor], Tensor]  # in place, on `rate` times what f is applied to
    slope: Callable[[Tensor], Tensor]  # f' / gain, of s
    rate: int = 1
    spread: int = 1
    low: int = 0
    gain: int = 1


FORMS = {
    "tanh": _Form(torch.sigmoid_, _logistic_slope, rate=2, spread=2, low=-1, gain=4),
    "sigmoid": _Form(torch.sigmoid_, _logistic_slope),
    "relu": _Form(torch.relu_, torch.sign),
}


CUDNN = {"tanh": torch.rnn_tanh, "relu": torch.rnn_relu}  # one launch for all steps


def has_kernel(nonlinearity: str, inputs: Tensor) -> bool:
    """Whether `elman_scan` takes this f and these inputs."""
    return nonlinearity in FORMS and exact(inputs)


def elman_scan(
    inputs: Tensor,
    h0: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias: Tensor,
    nonlinearity: str,
    all_steps: bool = True,
) -> tuple[Tensor | None, Tensor]:
    """Unroll Elman's recurrence.

    Args:
        inputs: x, (batch, seq_len, input_size).
        h0: h_0, (batch, hidden_size).
        weight_ih: W, (hidden_size, input_size).
        weight_hh: U, (hidden_size, hidden_size).
        bias: b, (hidden_size,).
        nonlinearity: f: "tanh", "sigmoid" or "relu".
        all_steps: Whether the hidden states of all steps are wanted, or the last alone.

    Returns:
        h_1 to h_T, (batch, seq_len, hidden_size), or None; and h_T, (batch, hidden_size).

    Raises:
        RuntimeError: From a backward pass with create_graph=True.
    """
    if inputs.is_cuda and nonlinearity in CUDNN:
        return torch_scan(inputs, h0, weight_ih, weight_hh, bias, nonlinearity)
    form = FORMS[nonlinearity]
    hidden, last = _ElmanScan.apply(inputs, h0, weight_ih, weight_hh, bias, form, all_steps)
    return hidden, last


def torch_scan(
    inputs: Tensor,
    h0: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias: Tensor,
    nonlinearity: str,
) -> tuple[Tensor, Tensor]:
    """The same by the layer that torch.nn.RNN is made of, which on CUDA is cuDNN's."""
    weights = [weight_ih, weight_hh, bias, torch.zeros_like(bias)]
    hidden, last = CUDNN[nonlinearity](
        inputs,
        h0.unsqueeze(0),
        weights,
        has_biases=True,
        num_layers=1,
        dropout=0.0,
        train=torch.is_grad_enabled(),  # cuDNN keeps what a backward pass needs only if asked to
        bidirectional=False,
        batch_first=True,
    )
    return hidden, last[0]


class _ElmanScan(Function):
    @staticmethod
    def forward(
        ctx: Any,
        inputs: Tensor,
        h0: Tensor,
        weight_ih: Tensor,
        weight_hh: Tensor,
        bias: Tensor,
        form: _Form,
        all_steps: bool,
    ) -> tuple[Tensor | None, Tensor]:
        batch, steps, _ = inputs.shape
        x = inputs.transpose(0, 1).flatten(0, 1)  # (seq_len * batch, input_size), step by step
        w = (weight_ih * form.rate).t()
        u = (weight_hh * (form.rate * form.spread)).t()
        b = (bias + form.low * weight_hh.sum(dim=1)) * form.rate
        states = inputs.new_empty(steps + 1, batch, bias.size(0))
        torch.sub(h0, form.low, out=states[0]).div_(form.spread)
        f_, s = form.f_, states[0]
        for chunk in chunks(steps, batch):
            some = states[chunk.start + 1 : chunk.stop + 1]
            rows = x[chunk.start * batch : chunk.stop * batch]
            torch.addmm(b, rows, w, out=some.view(len(rows), -1))
            for a in some.unbind():
                s = f_(a.addmm_(s, u))
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x, states, weight_ih, weight_hh)
        ctx.form, ctx.shape = form, inputs.shape
        # Contiguous, batch first, as what reads it would else have to make it.
        hidden = _affine(states[1:].transpose(0, 1), form) if all_steps else None
        return hidden, _affine(s, form)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> Any:
        refuse_second_order()
        g, last = grads
        x, states, weight_ih, weight_hh = ctx.saved_tensors
        form, (batch, steps, input_size) = ctx.form, ctx.shape
        from_above = None if g is None else g.unbind(1)
        u = weight_hh * form.gain
        d = states.new_zeros(states[0].shape) if last is None else last.clone()
        if from_above is not None:
            d += from_above[-1]
        grad_u, grad_b = torch.zeros_like(weight_hh), states.new_zeros(weight_hh.size(0))
        grad_w = states.new_zeros(input_size, weight_hh.size(0))  # transposed: a faster product
        grad_x = torch.empty_like(x) if ctx.needs_input_grad[0] else None
        for chunk in backward_chunks(steps, batch):
            slopes = form.slope(states[chunk.start + 1 : chunk.stop + 1])
            for t, e in zip(reversed(chunk), reversed(slopes.unbind()), strict=True):
                e.mul_(d)
                if from_above is None or t == 0:
                    torch.mm(e, u, out=d)
                else:
                    torch.addmm(from_above[t - 1], e, u, out=d)
            rows = slice(chunk.start * batch, chunk.stop * batch)
            e, before = slopes.flatten(0, 1), states[chunk.start : chunk.stop].flatten(0, 1)
            grad_u.addmm_(e.t(), before)
            grad_w.addmm_(x[rows].t(), e)
            grad_b += e.sum(dim=0)
            if grad_x is not None:
                torch.mm(e, weight_ih, out=grad_x[rows])
        gain = form.gain
        if grad_x is not None:
            grad_x = grad_x.mul_(gain).view(steps, batch, input_size).transpose(0, 1)
        grad_u = grad_u.mul_(form.spread).add_(grad_b.unsqueeze(1), alpha=form.low)
        return grad_x, d, grad_w.t() * gain, grad_u.mul_(gain), grad_b.mul_(gain), None, None


def _affine(s: Tensor, form: _Form) -> Tensor:
    """H = spread s + low, contiguous."""
    h = torch.mul(s, form.spread, out=s.new_empty(s.shape))
    return h.add_(form.low) if form.low else h
