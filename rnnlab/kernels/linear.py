"""The readout V h + c of all steps at once.

Hidden states come from a kernel of rnnlab step by step, (seq_len, batch, hidden_size) in memory, seen
as (batch, seq_len, hidden_size). torch.nn.functional.linear would copy them first. On the CPU this
takes them in whatever order they lie, and its matrix products are numpy's: see cpu/elman.py.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional as F

from rnnlab.kernels.cpu.arrays import array, column_sums, ignore_float_errors, on_cpu, rows
from rnnlab.kernels.recurrence import is_exact


def linear(inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """`torch.nn.functional.linear`; this file's of all steps, torch's own of one, (batch, features)."""
    if inputs.dim() == 3 and is_exact(inputs) and on_cpu(inputs, weight, bias):
        return _Linear.apply(inputs, weight, bias)
    return F.linear(inputs, weight, bias)


class _Linear(Function):
    @staticmethod
    @ignore_float_errors
    def forward(ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(inputs, weight)
        x = array(inputs).transpose(1, 0, 2)
        seq_len, batch, _ = x.shape
        y = rows(x).dot(np.ascontiguousarray(array(weight).T)).reshape(seq_len, batch * len(weight))
        y += np.tile(array(bias), batch)  # numpy adds a row of nine as slowly as one of hundreds
        # Few numbers, in the order that a loss of a user's may count on.
        outputs = y.reshape(seq_len, batch, len(weight)).transpose(1, 0, 2)
        return torch.from_numpy(np.ascontiguousarray(outputs))

    @staticmethod
    @ignore_float_errors
    def backward(ctx: Any, *grads: Tensor) -> Any:
        inputs, weight = ctx.saved_tensors
        if torch.is_grad_enabled():  # this gradient is itself to be differentiated
            (e,) = grads
            by_weight = e.flatten(0, 1).t() @ inputs.flatten(0, 1)
            return e @ weight, by_weight, e.sum(dim=(0, 1))
        x, e = (array(tensor).transpose(1, 0, 2) for tensor in (inputs, grads[0]))
        e = rows(e)  # which may copy it
        grad_x = e.dot(array(weight)).reshape(x.shape).transpose(1, 0, 2)
        arrays = grad_x, e.T.dot(rows(x)), column_sums(e)
        return tuple(torch.from_numpy(a) for a in arrays)
