"""The cross-entropy of few classes at many steps, and its gradient in the same pass.

    L = mean_i (log sum_k exp(y_ik) - y_i,k(i)),    dL/dy_ik = (softmax(y_i)_k - [k = k(i)]) / N

torch normalises one step at a time, ten numbers a loop. Here the classes lie outermost, so that
each loop runs over all steps: a quarter of the time on the CPU.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional as F

from rnnlab.kernels.cpu.arrays import array, ignore_float_errors, on_cpu, rows
from rnnlab.kernels.recurrence import is_exact


def cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    """The mean over all steps, as `torch.nn.functional.cross_entropy` has it.

    Args:
        outputs: y, (batch, seq_len, classes).
        targets: The class of each step, (batch, seq_len), 0 or more.

    Raises:
        IndexError: For a class that there is not.
    """
    if is_exact(outputs) and on_cpu(outputs):
        return _CrossEntropy.apply(outputs, targets)
    return F.cross_entropy(outputs.flatten(0, 1), targets.flatten())


class _CrossEntropy(Function):
    @staticmethod
    @ignore_float_errors
    def forward(ctx: Any, outputs: Tensor, targets: Tensor) -> Tensor:
        y = rows(array(outputs)).T.copy()  # (classes, batch * seq_len)
        classes = array(targets).ravel().astype(np.intp, copy=False)
        for extreme in (classes.min(initial=0), classes.max(initial=0)):
            if not 0 <= extreme < len(y):
                raise IndexError(f"class {extreme} is out of bounds: 0 to {len(y) - 1}")
        count = max(1, y.shape[1])
        flat = y.reshape(-1)
        right = classes * count + np.arange(count)  # in `flat`, which numpy looks up faster
        y -= y.max(axis=0)
        losses = -flat[right]
        np.exp(y, y)
        total = y.sum(axis=0)
        losses += np.log(total)
        if ctx.needs_input_grad[0]:
            total *= count
            y /= total
            flat[right] -= 1 / count
            ctx.save_for_backward(outputs, targets, torch.from_numpy(y))
        return torch.from_numpy(losses).mean()

    @staticmethod
    @ignore_float_errors
    def backward(ctx: Any, *grads: Tensor) -> Any:
        outputs, targets, y = ctx.saved_tensors
        if torch.is_grad_enabled():  # this gradient is itself to be differentiated
            loss = F.cross_entropy(outputs.flatten(0, 1), targets.flatten())
            return *torch.autograd.grad(loss, outputs, grads[0], create_graph=True), None
        gradient = (y.numpy() * array(grads[0])).T.reshape(outputs.shape)
        return torch.from_numpy(gradient), None
