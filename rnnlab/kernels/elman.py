"""Elman's recurrence on CUDA, h_t = f(W x_t + U h_{t-1} + b): the layer that torch.nn.RNN is made of, cuDNN's.

Where it has not f or the precision, and on the CPU, the cell unrolls its step: see scan.py.
"""

import torch
from torch import Tensor

from rnnlab.kernels.recurrence import is_exact

CUDNN = {"tanh": torch.rnn_tanh, "relu": torch.rnn_relu}  # one launch for all steps


def has_layer(nonlinearity: str, inputs: Tensor) -> bool:
    """Whether `elman_layer` takes this f and these inputs."""
    return inputs.is_cuda and nonlinearity in CUDNN and is_exact(inputs)


def elman_layer(
    inputs: Tensor,
    h0: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias: Tensor,
    nonlinearity: str,
) -> tuple[Tensor, Tensor]:
    """Unroll Elman's recurrence, where `has_layer` says that this can.

    Args:
        inputs: x, (batch, seq_len, input_size).
        h0: h_0, (batch, hidden_size).
        weight_ih: W, (hidden_size, input_size).
        weight_hh: U, (hidden_size, hidden_size).
        bias: b, (hidden_size,).
        nonlinearity: f: "tanh" or "relu".

    Returns:
        h_1 to h_T, (batch, seq_len, hidden_size), and h_T, (batch, hidden_size).
    """
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
