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

from rnnlab.kernels.recurrence import is_exact, is_watched, lie_here, written_out


def linear(inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """`torch.nn.functional.linear`; this file's of all steps, torch's own of one, (batch, features)."""
    fit = inputs.dim() == 3 and inputs.numel() and weight.shape == (len(bias), inputs.size(2))
    here = lie_here(inputs.dtype, inputs, weight, bias)
    if fit and here and is_exact(inputs) and not is_watched():
        return _Linear.apply(inputs, weight, bias)
    return F.linear(inputs, weight, bias)


class _Linear(Function):
    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(inputs, weight)
        x, by_step = _in_one_piece(inputs)
        batch, steps, features = inputs.shape
        columns = weight.size(0)
        weight, bias = weight.contiguous(), bias.contiguous()
        turned, product = (x.new_empty(size, columns) for size in (features, batch * steps))
        outputs = x.new_empty(batch, steps, columns)
        addresses = zip("XWBTMY", (x, weight, bias, turned, product, outputs), strict=True)
        given = _sizes(inputs, columns) | {name: tensor.data_ptr() for name, tensor in addresses}
        given |= {"sequence": 1, "step": batch} if by_step else {"sequence": steps, "step": 1}
        _compiled(inputs.dtype).readout(given)
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
        weight, ones = weight.contiguous(), e.new_ones(e.size(0) * e.size(1))
        of_x, of_weight = torch.empty_like(x), torch.empty_like(weight)
        made = of_x, of_weight, weight.new_empty(weight.size(0))
        given = _sizes(inputs, weight.size(0))
        for name, tensor in zip("EXWO", (e, x, weight, ones), strict=True):
            given[name] = tensor.data_ptr()
        for name, tensor, need in zip(("GX", "GW", "GB"), made, ctx.needs_input_grad, strict=True):
            given[name] = tensor.data_ptr() if need else 0
        _compiled(x.dtype).readout_back(given)
        return of_x.transpose(0, 1) if by_step else of_x, *made[1:]


def _in_one_piece(inputs: Tensor) -> tuple[Tensor, bool]:
    """The rows one after another, and whether those of a step come together."""
    if not inputs.is_contiguous() and (steps_first := inputs.transpose(0, 1)).is_contiguous():
        return steps_first, True
    return inputs.contiguous(), False


def _sizes(inputs: Tensor, outputs: int) -> dict[str, int]:
    batch, steps, features = inputs.shape
    return {"batch": batch, "steps": steps, "features": features, "outputs": outputs}


def _compiled(dtype: torch.dtype) -> Any:
    from rnnlab.kernels.compiled.llvm.fixed import (
        fixed,  # here, for what imports this needs no compiler
    )

    return fixed(str(dtype).removeprefix("torch."))
