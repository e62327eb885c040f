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

A step of few, small sequences is less work than calling torch for it. On the CPU those steps run
in the same memory through numpy, whose calls cost half: see `_Numpy`.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function

from rnnlab.kernels.scan import backward_chunks, chunks, exact, refuse_second_order


def _logistic_slope(s: Tensor) -> Tensor:
    return torch.addcmul(s, s, s, value=-1)


def _tanh_slope(s: Tensor) -> Tensor:
    return torch.addcmul(s.new_ones(()), s, s, value=-1)


def _relu(a: np.ndarray, out: np.ndarray) -> np.ndarray:
    return np.maximum(a, 0, out=out)


class _Form(NamedTuple):
    """How the kernel keeps one f: on states s with h = spread s + low."""

    f: Callable[..., Any]  # on `rate` times what f is applied to
    slope: Callable[[Tensor], Tensor]  # f' / gain, of s
    rate: float = 1
    spread: float = 1
    low: float = 0
    gain: float = 1


class _Torch:
    """The steps of a chunk, on any device."""

    forms: ClassVar = {
        "tanh": _Form(torch.sigmoid_, _logistic_slope, rate=2, spread=2, low=-1, gain=4),
        "sigmoid": _Form(torch.sigmoid_, _logistic_slope),
        "relu": _Form(torch.relu_, torch.sign),
    }

    @staticmethod
    def forward(f: Callable[[Tensor], Tensor], states: Tensor, s: Tensor, u: Tensor) -> None:
        """A_t in `states` becomes f(a_t + s_{t-1} u)."""
        for a in states.unbind():
            s = f(a.addmm_(s, u))

    @staticmethod
    def backward(slopes: Tensor, d: Tensor, u: Tensor, g: Sequence[Tensor] | None) -> None:
        """f'_t in `slopes` becomes e_t = f'_t * d_t, and d then d_{t-1} = g_{t-1} + e_t u."""
        if g is None:
            for e in reversed(slopes.unbind()):
                torch.mm(e.mul_(d), u, out=d)
        else:
            for e, above in zip(reversed(slopes.unbind()), reversed(g), strict=True):
                torch.addmm(above, e.mul_(d), u, out=d)


class _Numpy:
    """The same, for small steps on the CPU, where it is the calls that cost.

    numpy's tanh is as fast as a sigmoid, so that here it is the sigmoid that runs on a tanh's
    states: sigmoid(a) = tanh(a / 2) / 2 + 1/2.
    """

    forms: ClassVar = {
        "tanh": _Form(np.tanh, _tanh_slope),
        "sigmoid": _Form(np.tanh, _tanh_slope, rate=0.5, spread=0.5, low=0.5, gain=0.25),
        "relu": _Form(_relu, torch.sign),
    }

    @staticmethod
    def forward(f: Callable[..., Any], states: Tensor, s: Tensor, u: Tensor) -> None:
        before, by = s.numpy(), u.numpy()
        product = np.empty_like(before)
        with np.errstate(**QUIET):
            for a in states.numpy():
                before.dot(by, product)
                np.add(a, product, a)
                before = f(a, a)

    @staticmethod
    def backward(slopes: Tensor, d: Tensor, u: Tensor, g: Sequence[Tensor] | None) -> None:
        delta, by = d.numpy(), u.numpy()
        with np.errstate(**QUIET):
            if g is None:
                for e in slopes.numpy()[::-1]:
                    np.multiply(e, delta, e)
                    e.dot(by, delta)
            else:
                for e, above in zip(slopes.numpy()[::-1], reversed(g), strict=True):
                    np.multiply(e, delta, e)
                    e.dot(by, delta)
                    np.add(delta, above.numpy(), delta)


QUIET: dict[str, Any] = {"over": "ignore", "invalid": "ignore"}  # as torch: infinity is a result

SMALL = 2**18
"""Multiplications of a step up to which numpy's BLAS keeps to one thread, whatever torch does."""

CUDNN = {"tanh": torch.rnn_tanh, "relu": torch.rnn_relu}  # one launch for all steps


def has_kernel(nonlinearity: str, inputs: Tensor) -> bool:
    """Whether `elman_scan` takes this f and these inputs."""
    return nonlinearity in _Torch.forms and exact(inputs)


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
    steps = _Numpy if inputs.device.type == "cpu" and h0.numel() * h0.size(1) <= SMALL else _Torch
    weights = weight_ih, weight_hh, bias
    hidden, last = _ElmanScan.apply(inputs, h0, *weights, steps, nonlinearity, all_steps)
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
        steps: type[_Torch] | type[_Numpy],
        nonlinearity: str,
        all_steps: bool,
    ) -> tuple[Tensor | None, Tensor]:
        form = steps.forms[nonlinearity]
        batch, length, input_size = inputs.shape
        # [x_t 1], step by step, so that W and b are one weight: (seq_len * batch, input_size + 1)
        x = inputs.new_ones(length, batch, input_size + 1)
        x[:, :, :-1] = inputs.transpose(0, 1)
        x = x.flatten(0, 1)
        b = bias + form.low * weight_hh.sum(dim=1) if form.low else bias
        w = _times(torch.cat([weight_ih, b.unsqueeze(1)], dim=1), form.rate).t()
        u = _times(weight_hh.t().contiguous(), form.rate * form.spread)
        states = inputs.new_empty(length + 1, batch, bias.size(0))
        states[0] = h0
        if form.low:
            states[0].sub_(form.low).div_(form.spread)
        for chunk in chunks(length, states[0].numel()):
            some = states[chunk.start + 1 : chunk.stop + 1]
            rows = x[chunk.start * batch : chunk.stop * batch]
            torch.mm(rows, w, out=some.view(len(rows), -1))
            steps.forward(form.f, some, states[chunk.start], u)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x, states, weight_ih, weight_hh)
        ctx.steps, ctx.form, ctx.shape = steps, form, inputs.shape
        # Contiguous, batch first, as what reads it would else have to make it.
        hidden = _affine(states[1:].transpose(0, 1), form) if all_steps else None
        return hidden, _affine(states[-1], form)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> Any:
        refuse_second_order()
        g, last = grads
        x, states, weight_ih, weight_hh = ctx.saved_tensors
        form, (batch, length, input_size) = ctx.form, ctx.shape
        u = _times(weight_hh.detach(), form.gain).contiguous()
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
            ctx.steps.backward(slopes, d, u, from_above and from_above[span])
            rows = slice(chunk.start * batch, chunk.stop * batch)
            e, before = slopes.flatten(0, 1), states[span].flatten(0, 1)
            grad_u.addmm_(e.t(), before)
            grad_w.addmm_(x[rows].t(), e)
            if grad_x is not None:
                torch.mm(e, weight_ih, out=grad_x[rows])
        if grad_x is not None:
            grad_x = _times(grad_x, form.gain).view(length, batch, input_size).transpose(0, 1)
        grad_b = grad_w[-1]
        grad_u = _times(grad_u, form.spread)
        if form.low:
            grad_u.add_(grad_b.unsqueeze(1), alpha=form.low)
        of_weights = (_times(part, form.gain) for part in (grad_w[:-1].t(), grad_u, grad_b))
        return grad_x, d, *of_weights, None, None, None


def _times(tensor: Tensor, factor: float) -> Tensor:
    return tensor if factor == 1 else tensor * factor


def _affine(s: Tensor, form: _Form) -> Tensor:
    """H = spread s + low, contiguous and a copy."""
    h = torch.mul(s, form.spread, out=s.new_empty(s.shape))
    return h.add_(form.low) if form.low else h
