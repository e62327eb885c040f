"""The kernel of ../elman.py on the CPU, in numpy, whose calls cost less than torch's.

A step of a small network is less work than calling torch for it. On an AMD EPYC numpy's BLAS,
OpenBLAS, also makes large matrix products in half the time of torch's, MKL; and numpy asks the
system for large pages, so that the states of a long sequence are not got one small page at a time.

numpy has a fast tanh and no sigmoid, so that a sigmoid is kept in other terms: as
sigmoid(a) = tanh(a / 2) / 2 + 1/2, the kernel runs on s with h = s / 2 + 1/2, and the constants go
into the weights:

    s_t = tanh(W x_t / 2 + U s_{t-1} / 4 + (b + U 1 / 2) / 2)
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function

from rnnlab.kernels.cpu.arrays import Array, array, ignore_float_errors, rows, times, with_ones
from rnnlab.kernels.recurrence import backward_chunks, chunks, refuse_second_order


def _relu(a: Array, out: Array) -> Array:
    return np.maximum(a, 0, out=out)


def _tanh_slope(s: Array) -> Array:
    slope = np.multiply(s, s)
    return np.subtract(1, slope, slope)


class _Form(NamedTuple):
    """How one f is kept: as states s with h = spread s + low."""

    f: Callable[[Array, Array], Array]  # of `rate` times what f is applied to
    slope: Callable[[Array], Array]  # f' / gain, of s
    rate: float = 1
    spread: float = 1
    low: float = 0
    gain: float = 1


FORMS = {
    "tanh": _Form(np.tanh, _tanh_slope),
    "sigmoid": _Form(np.tanh, _tanh_slope, rate=0.5, spread=0.5, low=0.5, gain=0.25),
    "relu": _Form(_relu, np.sign),
}


class ElmanScan(Function):
    """`elman_scan` of tensors on the CPU."""

    @staticmethod
    @ignore_float_errors
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
        form, x = FORMS[nonlinearity], with_ones(inputs)
        h, w_ih, w_hh, b = map(array, (h0, weight_ih, weight_hh, bias))
        features = w_ih.shape[1]
        w = np.zeros((x.shape[2], b.size), b.dtype)
        np.multiply(w_ih.T, form.rate, w[:features])
        np.multiply(b + form.low * w_hh.sum(axis=1) if form.low else b, form.rate, w[features])
        u = np.multiply(w_hh.T, form.rate * form.spread, order="C")
        states = np.empty((len(x) + 1, *h.shape), x.dtype)
        states[0] = (h - form.low) / form.spread
        before, product, f, add = states[0], np.empty_like(states[0]), form.f, np.add
        for chunk in chunks(len(x), product.size):
            of_chunk = states[chunk.start + 1 : chunk.stop + 1]
            rows(x[chunk.start : chunk.stop]).dot(w, rows(of_chunk))
            for a in of_chunk:
                before.dot(u, product)
                add(a, product, a)
                before = f(a, a)
        ctx.set_materialize_grads(False)
        hidden = None
        if all_steps:
            every = _hidden(states[1:], form) if form.low else states[1:]
            hidden = torch.from_numpy(every.transpose(1, 0, 2))
        ctx.save_for_backward(weight_ih, weight_hh, hidden)
        ctx.arrays = x, states, form
        return hidden, torch.from_numpy(_hidden(states[-1], form))

    @staticmethod
    @ignore_float_errors
    def backward(ctx: Any, *grads: Tensor | None) -> Any:
        refuse_second_order()
        weight_ih, weight_hh, _ = ctx.saved_tensors  # which looks whether anyone has changed them
        x, states, form = ctx.arrays
        w, u = array(weight_ih), times(array(weight_hh), form.gain)
        g, last = (None if grad is None else array(grad) for grad in grads)
        above = None if g is None else g.transpose(1, 0, 2)
        d = np.zeros_like(states[0]) if last is None else last.copy()
        grad_u, grad_w = np.zeros_like(u), np.zeros((x.shape[2], len(u)), x.dtype)
        grad_x = np.empty((*x.shape[:2], w.shape[1]), x.dtype) if ctx.needs_input_grad[0] else None
        for chunk in backward_chunks(len(x), d.size):
            span = slice(chunk.start, chunk.stop)
            slopes = form.slope(states[chunk.start + 1 : chunk.stop + 1])
            _steps_back(slopes, d, u, None if above is None else above[span])
            e = rows(slopes)
            grad_u += e.T.dot(rows(states[span]))
            grad_w += rows(x[span]).T.dot(e)
            if grad_x is not None:
                e.dot(w, rows(grad_x[span]))
        features = w.shape[1]
        grad_b = grad_w[features]
        grad_u = times(grad_u, form.spread)
        if form.low:
            grad_u += form.low * grad_b[:, None]
        of_weights = [times(part, form.gain) for part in (grad_w[:features].T, grad_u, grad_b)]
        if grad_x is not None:
            grad_x = times(grad_x.transpose(1, 0, 2), form.gain)
        arrays = (grad_x, d, *of_weights)
        return *(None if a is None else torch.from_numpy(a) for a in arrays), None, None


def _steps_back(slopes: Array, d: Array, u: Array, above: Array | None) -> None:
    """F'_t in `slopes` becomes e_t = f'_t * d_t, and d, of the chunk's last step, that before its first.

    d is dL/dh_t without `above`, what arrives there from the layers above.
    """
    add, multiply = np.add, np.multiply
    if above is None:
        for e in slopes[::-1]:
            multiply(e, d, e)
            e.dot(u, d)
    else:
        for e, g in zip(slopes[::-1], np.ascontiguousarray(above)[::-1], strict=True):
            add(d, g, d)
            multiply(e, d, e)
            e.dot(u, d)


def _hidden(s: Array, form: _Form) -> Array:
    """H = spread s + low, a copy."""
    h = s.copy()
    if form.low:
        h *= form.spread
        h += form.low
    return h
