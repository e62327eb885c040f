"""Elman's recurrence, h_t = f(W x_t + U h_{t-1} + b), and its gradient by backpropagation in time.

Forward. W x_t + b is one matrix product for many steps, written where the states will be; a step
adds U h_{t-1} to it in place and applies f in place.

Backward. With e_t = dL/da_t, a_t what f is applied to, and g_t what arrives at h_t from above:

    dL/dh_t = g_t + U' e_{t+1},    e_t = f'(a_t) * dL/dh_t
    dL/dU = sum_t e_t h_{t-1}',    dL/dW = sum_t e_t x_t',    dL/db = sum_t e_t

f' is a function of the state alone: 1 - h^2 for tanh, h - h^2 for sigmoid, sign(h) for relu. It is
taken for a chunk of steps at once; a step is one product with dL/dh_t and one with U, and the sums
over time are matrix products over the chunk.

On the CPU that is cpu/elman.py; on CUDA the layer that torch.nn.RNN is made of, which is cuDNN's.
Where neither has f or the precision, the cell unrolls its step.
"""

import torch
from torch import Tensor

from rnnlab.kernels.cpu.arrays import on_cpu
from rnnlab.kernels.cpu.elman import FORMS, ElmanScan
from rnnlab.kernels.recurrence import check_features, is_exact

CUDNN = {"tanh": torch.rnn_tanh, "relu": torch.rnn_relu}  # one launch for all steps


def has_kernel(nonlinearity: str, inputs: Tensor, *others: Tensor) -> bool:
    """Whether `elman_scan` takes this f and these tensors; on the CPU, all of one precision."""
    if not is_exact(inputs):
        return False
    if inputs.is_cuda:
        return nonlinearity in CUDNN
    return nonlinearity in FORMS and on_cpu(inputs, *others)


def elman_scan(
    inputs: Tensor,
    h0: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias: Tensor,
    nonlinearity: str,
    all_steps: bool = True,
) -> tuple[Tensor | None, Tensor]:
    """Unroll Elman's recurrence, where `has_kernel` says that this can.

    Args:
        inputs: x, (batch, seq_len, input_size).
        h0: h_0, (batch, hidden_size).
        weight_ih: W, (hidden_size, input_size).
        weight_hh: U, (hidden_size, hidden_size).
        bias: b, (hidden_size,).
        nonlinearity: f: "tanh" or "relu"; on the CPU also "sigmoid".
        all_steps: Whether the hidden states of all steps are wanted, or the last alone.

    Returns:
        h_1 to h_T, (batch, seq_len, hidden_size), or None; and h_T, (batch, hidden_size).

    Raises:
        ValueError: For inputs of another number of features.
        RuntimeError: From a backward pass with create_graph=True.
    """
    check_features(inputs, weight_ih)
    if inputs.is_cuda:
        return torch_scan(inputs, h0, weight_ih, weight_hh, bias, nonlinearity)
    hidden, last = ElmanScan.apply(inputs, h0, weight_ih, weight_hh, bias, nonlinearity, all_steps)
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
