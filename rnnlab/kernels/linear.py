"""The readout V h + c of all steps at once.

Hidden states come from a compiled scan step by step, (seq_len, batch, hidden_size) in memory, seen
as (batch, seq_len, hidden_size). torch.nn.functional.linear would copy them first. On the CPU this
takes them in either order.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional as F

from rnnlab.kernels.recurrence import compiled_for, is_exact, is_watched, lie_here, written_out


def linear(inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """`torch.nn.functional.linear`; this file's of all steps, torch's own of one, (batch, features)."""
    if _fits(inputs, weight, bias) and is_exact(inputs) and not is_watched():
        return _Linear.apply(inputs, weight, bias)
    return F.linear(inputs, weight, bias)


def _fits(inputs: Tensor, weight: Tensor, bias: Tensor) -> bool:
    """Whether these are rows of all steps and sequences, and weights for them, in this machine's memory."""
    if inputs.dim() != 3 or not inputs.numel() or weight.shape != (len(bias), inputs.size(2)):
        return False
    return lie_here(inputs.dtype, inputs, weight, bias)


class _Linear(Function):
    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(inputs, weight)
        x, by_step = _in_one_piece(inputs)
        (batch, steps, features), columns = inputs.shape, weight.size(0)
        between = (1, batch) if by_step else (steps, 1)
        turned, product = x.new_empty(features, columns), x.new_empty(batch * steps, columns)
        outputs = x.new_empty(batch, steps, columns)
        tensors = x, weight.contiguous(), bias.contiguous(), turned, product, outputs
        addresses = [tensor.data_ptr() for tensor in tensors]
        compiled_for(x.dtype).readout(batch, steps, features, columns, *between, *addresses)
        return outputs

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        inputs, weight = ctx.saved_tensors
        (e,) = grads
        if torch.is_grad_enabled():  # this gradient is itself to be differentiated
            by_weight = e.flatten(0, 1).t() @ inputs.flatten(0, 1)
            return e @ weight, by_weight, e.sum(dim=(0, 1))
        x, by_step = _in_one_piece(inputs)
        e = written_out(e.transpose(0, 1) if by_step else e).contiguous()
        weight = weight.contiguous()
        columns, features = weight.shape
        rows = e.numel() // max(1, columns)
        tensors = e, x, weight, e.new_ones(rows)
        made = torch.empty_like(x), torch.empty_like(weight), weight.new_empty(columns)
        addresses = [tensor.data_ptr() for tensor in tensors]
        for tensor, need in zip(made, ctx.needs_input_grad, strict=True):
            addresses.append(tensor.data_ptr() if need else 0)
        compiled_for(x.dtype).readout_back(rows, features, columns, *addresses)
        of_x, *others = made
        return of_x.transpose(0, 1) if by_step else of_x, *others


def _in_one_piece(inputs: Tensor) -> tuple[Tensor, bool]:
    """The rows one after another, and whether those of a step come together."""
    if not inputs.is_contiguous() and (steps_first := inputs.transpose(0, 1)).is_contiguous():
        return steps_first, True
    return inputs.contiguous(), False
