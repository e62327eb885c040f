"""The mean of squared errors, of outputs and targets of one shape."""

import torch
from torch import Tensor
from torch.nn import functional as F


def squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    """`torch.nn.functional.mse_loss`, which broadcasts first: with the gradient, a third of its time on few numbers."""
    if outputs.shape != targets.shape:
        return F.mse_loss(outputs, targets)
    return torch.ops.aten.mse_loss.default(outputs, targets)
