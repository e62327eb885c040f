"""The gated recurrent unit of torch.nn.GRU, five operations a step forward and three backward.

Forward. With h = 2 u - 1 and tanh(a) = 2 sigmoid(2 a) - 1, whose sigmoid costs a third of torch's
tanh, and because h_t is between n_t and h_{t-1}, the unit runs on u_t = (h_t + 1)/2 with no tanh:

    r, z = sigmoid(W x_t + b_i + 2 U u_{t-1} + (b_h - U 1))      rows r and z of W, U, b
    q = U_n h_{t-1} + b_hn = 2 U_n u_{t-1} + (b_hn - U_n 1)
    s = sigmoid(2 (W_n x_t + b_in + r * q)),    n = 2 s - 1
    u_t = (1 - z) * s + z * u_{t-1}

What x_t adds is one matrix product for many steps, and what u_{t-1} adds to q, r and z is one a step.

Backward. With d = dL/dh_t, every gradient that leaves the step is d times a factor that the states
know before d does:

    dL/da_n = d * 4 (1 - z) (s - s^2)             a_n what tanh is applied to
    dL/dq   = d * 4 (1 - z) (s - s^2) r
    dL/da_r = d * 4 (1 - z) (s - s^2) q (r - r^2)
    dL/da_z = d * 2 (u_{t-1} - s) (z - z^2)
    dL/dh_{t-1} = g_{t-1} + d * z + [dL/dq, dL/da_r, dL/da_z] [U_n; U_r; U_z]

The factors of a chunk of steps are computed at once, and so are the sums over time. On the CPU
numpy takes the same sums: see gru_numpy.py.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from rnnlab.kernels.cpu.arrays import on_cpu
from rnnlab.kernels.cpu.gru import NumpyScan
from rnnlab.kernels.recurrence import (
    backward_chunks,
    check_features,
    chunks,
    exact,
    refuse_second_order,
)


def has_kernel(inputs: Tensor) -> bool:
    """Whether `gru_scan` is the fastest way; on CUDA torch's own layer is, which is cuDNN's."""
    return exact(inputs) and not inputs.is_cuda


def gru_scan(
    inputs: Tensor,
    h0: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor,
    bias_hh: Tensor,
    all_steps: bool = True,
) -> tuple[Tensor | None, Tensor]:
    """Unroll torch's gated recurrent unit.

    Args:
        inputs: x, (batch, seq_len, input_size).
        h0: h_0, (batch, hidden_size).
        weight_ih: W of r, z and n, one below the other; (3 hidden_size, input_size).
        weight_hh: U of r, z and n; (3 hidden_size, hidden_size).
        bias_ih: b_i of r, z and n; (3 hidden_size,).
        bias_hh: b_h of r, z and n; (3 hidden_size,).
        all_steps: Whether the hidden states of all steps are wanted, or the last alone.

    Returns:
        h_1 to h_T, (batch, seq_len, hidden_size), or None; and h_T, (batch, hidden_size).

    Raises:
        ValueError: For inputs of another number of features.
        RuntimeError: From a backward pass with create_graph=True.
    """
    check_features(inputs, weight_ih)
    tensors = inputs, h0, weight_ih, weight_hh, bias_ih, bias_hh
    scan = NumpyScan if on_cpu(*tensors) else TorchScan
    hidden, last = scan.apply(*tensors, all_steps)
    return hidden, last


class TorchScan(Function):
    """`gru_scan` of tensors on any device."""

    @staticmethod
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
        (batch, steps, _), size = inputs.shape, h0.size(1)
        x = inputs.transpose(0, 1).flatten(0, 1)  # (seq_len * batch, input_size), step by step
        w_rz, w_n = weight_ih[: 2 * size].t(), (weight_ih[2 * size :] * 2).t()
        u = (_n_first(weight_hh, size) * 2).t()
        b_q, b_r, b_z = (_n_first(bias_hh - weight_hh.sum(dim=1), size)).chunk(3)
        b_rz, b_n = torch.cat([b_r, b_z]) + bias_ih[: 2 * size], bias_ih[2 * size :] * 2
        states = inputs.new_empty(steps + 1, batch, size)
        gates = inputs.new_empty(steps, batch, 3 * size)  # q, r, z
        news = inputs.new_empty(steps, batch, size)  # s
        torch.add(h0, 1, out=states[0]).div_(2)
        before = states[0]
        for chunk in chunks(steps, batch * size):
            span = slice(chunk.start, chunk.stop)
            rows = x[chunk.start * batch : chunk.stop * batch]
            gates[span, :, :size] = b_q
            gates[span, :, size:] = torch.addmm(b_rz, rows, w_rz).unflatten(0, (len(chunk), batch))
            torch.addmm(b_n, rows, w_n, out=news[span].flatten(0, 1))
            some = gates[span]
            q, rz = some[:, :, :size], some[:, :, size:]
            for gate, q_t, rz_t, r_t, z_t, s, after in zip(
                some.unbind(),
                q.unbind(),
                rz.unbind(),
                rz[:, :, :size].unbind(),
                rz[:, :, size:].unbind(),
                news[span].unbind(),
                states[chunk.start + 1 : chunk.stop + 1].unbind(),
                strict=True,
            ):
                gate.addmm_(before, u)
                rz_t.sigmoid_()
                s.addcmul_(r_t, q_t, value=2).sigmoid_()
                before = torch.lerp(s, before, z_t, out=after)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x, states, gates, news, weight_ih, weight_hh)
        ctx.shape = inputs.shape
        hidden = _doubled_less_one(states[1:].transpose(0, 1)) if all_steps else None
        return hidden, _doubled_less_one(before)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> Any:
        refuse_second_order()
        g, last = grads
        x, states, gates, news, weight_ih, weight_hh = ctx.saved_tensors
        (batch, steps, input_size), size = ctx.shape, states.size(2)
        from_above = None if g is None else g.unbind(1)
        u = _n_first(weight_hh, size)
        d = states.new_zeros(states[0].shape) if last is None else last.clone()
        if from_above is not None:
            d += from_above[-1]
        d_wide = d.unsqueeze(1)
        grad_u = torch.zeros_like(weight_hh)  # rows q, r, z
        grad_w = states.new_zeros(input_size, 3 * size)  # transposed: a faster product
        grad_b = states.new_zeros(4 * size)  # q, r, z, n
        grad_x = torch.empty_like(x) if ctx.needs_input_grad[0] else None
        for chunk in backward_chunks(steps, batch * size):
            span = slice(chunk.start, chunk.stop)
            before, z = states[span], gates[span, :, 2 * size :]
            factors = _factors(before, gates[span], news[span])
            for t, e, z_t in zip(
                reversed(chunk), reversed(factors.unbind()), reversed(z.unbind()), strict=True
            ):
                e.view(batch, 4, size).mul_(d_wide)
                d.mul_(z_t).addmm_(e[:, : 3 * size], u)
                if from_above is not None and t > 0:
                    d += from_above[t - 1]
            rows, e = slice(chunk.start * batch, chunk.stop * batch), factors.flatten(0, 1)
            to_hidden, to_inputs = e[:, : 3 * size], e[:, size:]
            grad_u.addmm_(to_hidden.t(), before.flatten(0, 1))
            grad_w.addmm_(x[rows].t(), to_inputs)
            grad_b += e.sum(dim=0)
            if grad_x is not None:
                torch.mm(to_inputs, weight_ih, out=grad_x[rows])
        if grad_x is not None:
            grad_x = grad_x.view(steps, batch, input_size).transpose(0, 1)
        grad_u = grad_u.mul_(2).sub_(grad_b[: 3 * size].unsqueeze(1))
        grad_u, grad_b_hh = _n_last(grad_u, size), _n_last(grad_b[: 3 * size], size)
        return grad_x, d, grad_w.t(), grad_u, grad_b[size:], grad_b_hh, None


def _factors(before: Tensor, gates: Tensor, news: Tensor) -> Tensor:
    """What dL/dh_t is multiplied by, for q, r, z and n of a chunk; (steps, batch, 4 hidden_size)."""
    size = before.size(2)
    q, r, z = gates.split(size, dim=2)
    factors = before.new_empty(*before.shape[:2], 4 * size)
    to_q, to_r, to_z, to_n = factors.split(size, dim=2)
    slope = torch.addcmul(news, news, news, value=-1)
    torch.addcmul(slope, slope, z, value=-1, out=to_n).mul_(4)
    torch.mul(to_n, r, out=to_q)
    torch.mul(to_q, q, out=slope)
    torch.addcmul(slope, slope, r, value=-1, out=to_r)
    torch.sub(before, news, out=slope).mul_(2)
    torch.mul(slope, z, out=to_z).addcmul_(to_z, z, value=-1)
    return factors


def _n_first(rows: Tensor, size: int) -> Tensor:
    """Rows r, z, n, torch's order, as n, r, z."""
    return torch.cat([rows[2 * size :], rows[: 2 * size]])


def _n_last(rows: Tensor, size: int) -> Tensor:
    return torch.cat([rows[size:], rows[:size]])


def _doubled_less_one(u: Tensor) -> Tensor:
    """H = 2 u - 1, contiguous."""
    return torch.mul(u, 2, out=u.new_empty(u.shape)).sub_(1)
