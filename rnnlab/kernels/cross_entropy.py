"""The cross-entropy of few classes at many steps, and its gradient in the same pass.

    L = mean_i (log sum_k exp(y_ik) - y_i,k(i)),    dL/dy_ik = (softmax(y_i)_k - [k = k(i)]) / N

torch normalises one step at a time, ten numbers a loop. Compiled (compiled/llvm/loss.py) each loop runs over
many steps.
"""

import ctypes
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional as F

from rnnlab.kernels.recurrence import compiled_for, is_exact, is_watched, lie_here

MOST = 256
"""Classes; of more there are numbers enough in a row, and too many for compiled/llvm/loss.py."""
WHOLE = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)


def cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    """The mean over all steps, as `torch.nn.functional.cross_entropy` has it.

    Args:
        outputs: y, (batch, seq_len, classes).
        targets: The class of each step, (batch, seq_len), 0 or more.

    Raises:
        IndexError: For a class that there is not.
    """
    few = outputs.dim() == 3 and outputs.numel() and outputs.size(2) <= MOST
    here = lie_here(outputs.dtype, outputs) and lie_here(targets.dtype, targets)
    fit = targets.dtype in WHOLE and targets.shape == outputs.shape[:2]
    if few and here and fit and is_exact(outputs) and not is_watched():
        return _CrossEntropy.apply(outputs, targets)
    return F.cross_entropy(outputs.flatten(0, 1), targets.flatten())


class _CrossEntropy(Function):
    @staticmethod
    def forward(ctx: Any, outputs: Tensor, targets: Tensor) -> Tensor:
        y, classes = outputs.contiguous(), targets.to(torch.int64).contiguous()
        batch, steps, count = y.shape
        loss, gradient = y.new_empty(()), None
        extremes = (ctypes.c_int64 * 2)()
        if ctx.needs_input_grad[0]:
            gradient = y.new_empty(steps, batch, count)  # in the order that the readout takes
        addresses = [0 if t is None else t.data_ptr() for t in (y, classes, gradient, loss)]
        addresses.append(ctypes.addressof(extremes))
        compiled_for(y.dtype).cross_entropy(batch, steps, count, *addresses)
        for extreme in extremes:
            if not 0 <= extreme < count:
                raise IndexError(f"class {extreme} is out of bounds: 0 to {count - 1}")
        if gradient is not None:
            ctx.save_for_backward(outputs, targets, gradient)
        return loss

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        outputs, targets, gradient = ctx.saved_tensors
        if torch.is_grad_enabled():  # this gradient is itself to be differentiated
            loss = F.cross_entropy(outputs.flatten(0, 1), targets.flatten())
            return *torch.autograd.grad(loss, outputs, grads[0], create_graph=True), None
        if grads[0].item() != 1:  # as it is where the loss is all that is differentiated
            gradient = gradient * grads[0]
        return gradient.transpose(0, 1), None
