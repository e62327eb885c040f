"""Elman's recurrence, h_t = f(W x_t + U h_{t-1} + b), and its gradient by backpropagation in time.

Forward. W x_t + b is one matrix product for many steps, written where the states will be; a step
adds U h_{t-1} to it in place and applies f in place.

A form may keep h as s, h = spread s + low, with the constants in the weights: torch's tanh costs
three times its sigmoid, and as tanh(a) = 2 sigmoid(2 a) - 1, a tanh cell can run on s = (h + 1)/2:

    s_t = sigmoid(2 W x_t + 4 U s_{t-1} + 2 (b - U 1)),    h_t = 2 s_t - 1

Backward. With e_t = dL/da_t, a_t what f is applied to, and g_t what arrives at h_t from above:

    dL/dh_t = g_t + U' e_{t+1},    e_t = f'(a_t) * dL/dh_t
    dL/dU = sum_t e_t h_{t-1}',    dL/dW = sum_t e_t x_t',    dL/db = sum_t e_t

f' is a function of the state alone: 1 - h^2 for tanh, h - h^2 for sigmoid, sign(h) for relu. It is
taken for a chunk of steps at once; a step is one product with dL/dh_t and one with U, and the sums
over time are matrix products over the chunk.

On the CPU numpy takes the same sums: see elman_numpy.py.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function

from rnnlab.kernels.cpu.arrays import on_cpu
from rnnlab.kernels.cpu.elman import NumpyScan
from rnnlab.kernels.recurrence import (
    backward_chunks,
    check_features,
    chunks,
    exact,
    refuse_second_order,
    times,
)


def _logistic_slope(s: Tensor) -> Tensor:
    return torch.addcmul(s, s, s, value=-1)


class _Form(NamedTuple):
    """How the kernel keeps one f: on states s with h = spread s + low."""

    f: Callable[..., Any]  # on `rate` times what f is applied to
    slope: Callable[[Tensor], Tensor]  # f' / gain, of s
    rate: float = 1
    spread: float = 1
    low: float = 0
    gain: float = 1


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
        ValueError: For inputs of another number of features.
        RuntimeError: From a backward pass with create_graph=True.
    """
    check_features(inputs, weight_ih)
    if inputs.is_cuda and nonlinearity in CUDNN:
        return torch_scan(inputs, h0, weight_ih, weight_hh, bias, nonlinearity)
    scan = NumpyScan if on_cpu(inputs, h0, weight_ih, weight_hh, bias) else TorchScan
    hidden, last = scan.apply(inputs, h0, weight_ih, weight_hh, bias, nonlinearity, all_steps)
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


class TorchScan(Function):
    """`elman_scan` of tensors on any device."""

    @staticmethod
    def forward(
        ctx: Any,
        inputs: Tensor,
        h0: Tensor,
        weight_ih: Tensor,
        weight_hh: Tensor,
        bias: Tensor,
        nonlinearity: str,
        all_steps: bool,
    ) -> tuple[Tensor | None, Tensor]:
        form = FORMS[nonlinearity]
        batch, length, input_size = inputs.shape
        # [x_t 1], step by step, so that W and b are one weight: (seq_len * batch, input_size + 1)
        x = inputs.new_ones(length, batch, input_size + 1)
        x[:, :, :-1] = inputs.transpose(0, 1)
        x = x.flatten(0, 1)
        b = bias + form.low * weight_hh.sum(dim=1) if form.low else bias
        w = times(torch.cat([weight_ih, b.unsqueeze(1)], dim=1), form.rate).t()
        u = times(weight_hh.t().contiguous(), form.rate * form.spread)
        states = inputs.new_empty(length + 1, batch, bias.size(0))
        states[0] = h0
        if form.low:
            states[0].sub_(form.low).div_(form.spread)
        for chunk in chunks(length, states[0].numel()):
            some = states[chunk.start + 1 : chunk.stop + 1]
            rows = x[chunk.start * batch : chunk.stop * batch]
            torch.mm(rows, w, out=some.flatten(0, 1))
            before = states[chunk.start]
            for a in some.unbind():
                before = form.f(a.addmm_(before, u))
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x, states, weight_ih, weight_hh)
        ctx.form, ctx.shape = form, inputs.shape
        # Contiguous, batch first, as what reads it would else have to make it.
        hidden = _affine(states[1:].transpose(0, 1), form) if all_steps else None
        return hidden, _affine(states[-1], form)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> Any:
        refuse_second_order()
        g, last = grads
        x, states, weight_ih, weight_hh = ctx.saved_tensors
        form, (batch, length, input_size) = ctx.form, ctx.shape
        u = times(weight_hh.detach(), form.gain).contiguous()
        d = torch.zeros_like(states[0])
        if last is not None:
            d += last
        from_above = None
        if g is not None:
            from_above = [torch.zeros_like(d), *g.unbind(1)]  # at h_0 to h_T
            d += from_above[-1]
        grad_u = torch.zeros_like(u)
        grad_w = x.new_zeros(input_size + 1, u.size(0))  # transposed: a faster product
        grad_x = x.new_empty(len(x), input_size) if ctx.needs_input_grad[0] else None
        for chunk in backward_chunks(length, d.numel()):
            span = slice(chunk.start, chunk.stop)
            slopes = form.slope(states[chunk.start + 1 : chunk.stop + 1])
            _steps_back(slopes, d, u, from_above and from_above[span])
            rows = slice(chunk.start * batch, chunk.stop * batch)
            e, before = slopes.flatten(0, 1), states[span].flatten(0, 1)
            grad_u.addmm_(e.t(), before)
            grad_w.addmm_(x[rows].t(), e)
            if grad_x is not None:
                torch.mm(e, weight_ih, out=grad_x[rows])
        if grad_x is not None:
            grad_x = times(grad_x, form.gain).view(length, batch, input_size).transpose(0, 1)
        grad_b = grad_w[-1]
        grad_u = times(grad_u, form.spread)
        if form.low:
            grad_u.add_(grad_b.unsqueeze(1), alpha=form.low)
        of_weights = (times(part, form.gain) for part in (grad_w[:-1].t(), grad_u, grad_b))
        return grad_x, d, *of_weights, None, None


def _steps_back(slopes: Tensor, d: Tensor, u: Tensor, g: Sequence[Tensor] | None) -> None:
    """Turn f'_t in `slopes` into e_t = f'_t * d_t, and d into d_{t-1} = g_{t-1} + e_t u."""
    if g is None:
        for e in reversed(slopes.unbind()):
            torch.mm(e.mul_(d), u, out=d)
    else:
        for e, above in zip(reversed(slopes.unbind()), reversed(g), strict=True):
            torch.addmm(above, e.mul_(d), u, out=d)


def _affine(s: Tensor, form: _Form) -> Tensor:
    """H = spread s + low, contiguous and a copy."""
    h = torch.mul(s, form.spread, out=s.new_empty(s.shape))
    return h.add_(form.low) if form.low else h
