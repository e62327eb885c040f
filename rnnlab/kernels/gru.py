"""The gated recurrent unit of torch.nn.GRU, and its gradient by backpropagation in time.

Forward. What x_t adds to r, z and n is one matrix product for many steps, and what h_{t-1} adds is
three a step:

    r, z = sigmoid(W x_t + b_i + U h_{t-1} + b_h)      rows r and z of W, U, b
    q = U_n h_{t-1} + b_hn
    n = tanh(W_n x_t + b_in + r * q)
    h_t = (1 - z) * n + z * h_{t-1}

Backward. With d = dL/dh_t, every gradient that leaves the step is d times a factor that the states
know before d does:

    dL/da_n = d * (1 - z) (1 - n^2)               a_n what tanh is applied to
    dL/dq   = dL/da_n * r
    dL/da_r = dL/dq * q (1 - r)
    dL/da_z = d * (h_{t-1} - n) z (1 - z)
    dL/dh_{t-1} = g_{t-1} + d * z + [dL/dq, dL/da_r, dL/da_z] [U_n; U_r; U_z]

The factors of a chunk of steps are computed at once, and so are the sums over time. On the CPU that
is cpu/gru.py; elsewhere the cell runs torch's own layer.
"""

from torch import Tensor

from rnnlab.kernels.cpu.arrays import on_cpu
from rnnlab.kernels.cpu.gru import GRUScan
from rnnlab.kernels.recurrence import check_features, is_exact


def has_kernel(inputs: Tensor, *others: Tensor) -> bool:
    """Whether `gru_scan` takes these tensors: of one precision, and on the CPU."""
    return is_exact(inputs) and on_cpu(inputs, *others)


def gru_scan(
    inputs: Tensor,
    h0: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor,
    bias_hh: Tensor,
    all_steps: bool = True,
) -> tuple[Tensor | None, Tensor]:
    """Unroll torch's gated recurrent unit, where `has_kernel` says that this can.

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
    hidden, last = GRUScan.apply(inputs, h0, weight_ih, weight_hh, bias_ih, bias_hh, all_steps)
    return hidden, last
