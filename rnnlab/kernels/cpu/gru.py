"""The kernel of ../gru.py on the CPU, in numpy: see elman.py for why.

numpy has no sigmoid, and a fast tanh: sigmoid(a) = tanh(a / 2) / 2 + 1/2, the halves of a in the
weights of r and z.

Arrays have the gates first, (gates, seq_len, batch, hidden_size), so that one gate of one step, and
one gate of all steps, lie in one piece.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function

from rnnlab.kernels.cpu.arrays import (
    Array,
    array,
    column_sums,
    ignore_float_errors,
    rows,
    with_ones,
)
from rnnlab.kernels.recurrence import backward_chunks, chunks, refuse_second_order


class GRUScan(Function):
    """`gru_scan` of tensors on the CPU."""

    @staticmethod
    @ignore_float_errors
    def forward(
        ctx: Any,
        inputs: Tensor,
        h0: Tensor,
        weight_ih: Tensor,
        weight_hh: Tensor,
        bias_ih: Tensor,
        bias_hh: Tensor,
        all_steps: bool,
    ) -> tuple[Tensor | None, Tensor]:
        x, h = with_ones(inputs), array(h0)
        (length, batch, _), size = x.shape, h.shape[1]
        w, u, b = _of_gates(weight_ih, weight_hh, bias_ih, bias_hh, x.shape[2])
        states = np.empty((length + 1, batch, size), x.dtype)
        states[0] = h
        gates = np.empty((3, length, batch, size), x.dtype)  # r, z, n
        q = np.empty((length, batch, size), x.dtype)
        for chunk in chunks(length, batch * size):
            span = slice(chunk.start, chunk.stop)
            for gate, w_gate in zip(gates, w, strict=True):
                rows(x[span]).dot(w_gate, rows(gate[span]))
            _steps(states[chunk.start : chunk.stop + 1], gates[:, span], q[span], u, b)
        ctx.set_materialize_grads(False)
        hidden = torch.from_numpy(states[1:].transpose(1, 0, 2)) if all_steps else None
        ctx.save_for_backward(weight_ih, weight_hh, hidden)
        ctx.arrays = x, states, gates, q
        return hidden, torch.from_numpy(states[-1].copy())

    @staticmethod
    @ignore_float_errors
    def backward(ctx: Any, *grads: Tensor | None) -> Any:
        refuse_second_order()
        weight_ih, weight_hh, _ = ctx.saved_tensors  # which looks whether anyone has changed them
        x, states, gates, q = ctx.arrays
        size = states.shape[2]
        w, u = array(weight_ih).reshape(3, size, -1), array(weight_hh).reshape(3, size, size)
        g, last = (None if grad is None else array(grad) for grad in grads)
        above = None if g is None else g.transpose(1, 0, 2)
        d = np.zeros_like(states[0]) if last is None else last.copy()
        grad_u, grad_w = np.zeros_like(u), np.zeros((3, x.shape[2], size), x.dtype)
        grad_q = np.zeros(size, x.dtype)
        grad_x = np.zeros((*x.shape[:2], w.shape[2]), x.dtype) if ctx.needs_input_grad[0] else None
        for chunk in backward_chunks(len(x), d.size):
            span = slice(chunk.start, chunk.stop)
            before, x_rows = states[span], rows(x[span])
            factors = _factors(before, gates[:, span], q[span])
            _steps_back(factors, gates[1, span], d, u, None if above is None else above[span])
            r, z, n, e_q = (rows(e) for e in factors)
            for gate, to_hidden in enumerate((r, z, e_q)):
                grad_u[gate] += to_hidden.T.dot(rows(before))
            for gate, to_input in enumerate((r, z, n)):
                grad_w[gate] += x_rows.T.dot(to_input)
                if grad_x is not None:
                    grad_x[span] += to_input.dot(w[gate]).reshape(grad_x[span].shape)
            grad_q += column_sums(e_q)
        features = w.shape[2]
        grad_b = grad_w[:, features]
        arrays = (
            None if grad_x is None else grad_x.transpose(1, 0, 2),
            d,
            grad_w[:, :features].transpose(0, 2, 1).reshape(3 * size, -1),
            grad_u.reshape(3 * size, size),
            grad_b.flatten(),
            np.concatenate([*grad_b[:2], grad_q]),
        )
        return *(None if a is None else torch.from_numpy(a) for a in arrays), None


def _of_gates(
    weight_ih: Tensor, weight_hh: Tensor, bias_ih: Tensor, bias_hh: Tensor, width: int
) -> tuple[Array, Array, Array]:
    """[W b 0 ...]' and U' of r, z and n, those of r and z halved, and U_n's own bias."""
    size, features = weight_hh.size(1), weight_ih.size(1)
    halves = np.array([0.5, 0.5, 1], array(weight_hh).dtype)[:, None, None]
    b_hh = array(bias_hh).reshape(3, 1, size)
    w = np.zeros((3, width, size), halves.dtype)
    w[:, :features] = array(weight_ih).reshape(3, size, features).transpose(0, 2, 1)
    w[:, features] = array(bias_ih).reshape(3, size)
    w[:2, features] += b_hh[:2, 0]
    w *= halves
    u = array(weight_hh).reshape(3, size, size).transpose(0, 2, 1)
    return w, np.multiply(u, halves, order="C"), b_hh[2]


def _steps(states: Array, gates: Array, q: Array, u: Array, b: Array) -> None:
    """From h_0 in `states`, and what x adds to the gates, all of them of these steps."""
    add, multiply, subtract, tanh = np.add, np.multiply, np.subtract, np.tanh
    h, p, half = states[0], np.empty_like(gates[:2, 0]), np.array(0.5, states.dtype)
    (u_r, u_z, u_n), (p_r, p_z), b = u, p, np.repeat(b, len(h), axis=0)
    rz = gates[:2].swapaxes(0, 1)
    for rz_t, r, z, n, q_t, after in zip(rz, *gates, q, states[1:], strict=True):
        h.dot(u_r, p_r)
        h.dot(u_z, p_z)
        add(rz_t, p, rz_t)
        tanh(rz_t, rz_t)
        multiply(rz_t, half, rz_t)
        add(rz_t, half, rz_t)
        h.dot(u_n, q_t)
        add(q_t, b, q_t)
        multiply(r, q_t, p_r)
        add(n, p_r, n)
        tanh(n, n)
        subtract(h, n, after)
        multiply(after, z, after)
        h = add(after, n, after)


def _factors(before: Array, gates: Array, q: Array) -> Array:
    """What dL/dh_t is multiplied by, for r, z, n and q of all these steps."""
    r, z, n = gates
    factors = np.empty((4, *q.shape), q.dtype)
    to_r, to_z, to_n, to_q = factors
    np.subtract(1, z, to_z)
    np.multiply(n, n, to_n)
    np.subtract(1, to_n, to_n)
    to_n *= to_z
    np.multiply(to_n, r, to_q)
    np.subtract(1, r, to_r)
    to_r *= q
    to_r *= to_q
    to_z *= z
    to_z *= before - n
    return factors


def _steps_back(factors: Array, z: Array, d: Array, u: Array, above: Array | None) -> None:
    """The factors become gradients, and d, of the last of these steps, that before the first.

    d is dL/dh_t without `above`, what arrives there from the layers above.
    """
    add, multiply = np.add, np.multiply
    (u_r, u_z, u_n), p = u, np.empty_like(d)
    g = None if above is None else np.ascontiguousarray(above)
    for t in reversed(range(len(z))):
        if g is not None:
            add(d, g[t], d)
        e = factors[:, t]
        multiply(e, d, e)
        multiply(d, z[t], d)
        for part, by in ((e[0], u_r), (e[1], u_z), (e[3], u_n)):
            part.dot(by, p)
            add(d, p, d)
