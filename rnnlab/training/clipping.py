"""Gradient clipping: after the backward pass, before the update, over the gradient of all parameters."""

from abc import ABC, abstractmethod
from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor, nn

from rnnlab.foundation.checks import check_float
from rnnlab.kernels.length import length, scale_


class Clip(ABC):
    """Changes gradients in place, and says how long the whole gradient was before and after."""

    def __call__(self, parameters: Iterable[nn.Parameter]) -> tuple[Tensor, Tensor]:
        """Clip; returns the 2-norm of the whole gradient before and after, both scalars."""
        gradients = [gradient for p in parameters if (gradient := p.grad) is not None]
        norm = length(gradients)
        return norm, self.clip(gradients, norm)

    @abstractmethod
    def clip(self, gradients: list[Tensor], norm: Tensor) -> Tensor:
        """Clip gradients whose joint norm is `norm`; returns the norm that is left."""


class NoClip(Clip):
    """Leaves the gradient as it is."""

    def clip(self, gradients: list[Tensor], norm: Tensor) -> Tensor:
        return norm


class ClipNorm(Clip):
    """g <- g * min(1, max_norm / ||g||), g the gradient of all parameters (Pascanu et al., 2013).

    ||g|| + 1e-6 in place of ||g||, as torch.nn.utils.clip_grad_norm_ has it.

    Args:
        max_norm: A gradient that is shorter by more than 1e-6 passes unchanged.

    Raises:
        ValueError: For a max_norm that is not positive.
    """

    def __init__(self, max_norm: float = 1.0) -> None:
        self.max_norm = check_float("max_norm", max_norm, above=0.0)

    def clip(self, gradients: list[Tensor], norm: Tensor) -> Tensor:
        # To look is free on the CPU alone; a device would have to be waited for.
        if norm.is_cpu and norm.item() + 1e-6 <= self.max_norm:
            return norm
        if norm.is_cpu and norm.dtype in (torch.float32, torch.float64):
            return self._clip_here(gradients, norm)
        factor = (self.max_norm / (norm + 1e-6)).clamp_(max=1.0)
        torch._foreach_mul_(gradients, factor)
        return norm * factor

    def _clip_here(self, gradients: list[Tensor], norm: Tensor) -> Tensor:
        """The same to the bit, in numpy, which takes a tenth of torch's time for one number."""
        before = norm.detach().numpy()[()]
        number = before.dtype.type
        with np.errstate(all="ignore"):
            factor = number(1) / (before + number(1e-6)) * number(self.max_norm)
        if factor > 1:
            factor = number(1)
        scale_(gradients, float(factor))
        return norm * float(factor)


class ClipValue(Clip):
    """g_i <- min(max(g_i, -clip_value), clip_value) for every element (Mikolov, 2012).

    Args:
        clip_value: The largest magnitude that passes unchanged.

    Raises:
        ValueError: For a clip_value that is not positive.
    """

    def __init__(self, clip_value: float = 1.0) -> None:
        self.clip_value = check_float("clip_value", clip_value, above=0.0)

    def clip(self, gradients: list[Tensor], norm: Tensor) -> Tensor:
        torch._foreach_clamp_min_(gradients, -self.clip_value)
        torch._foreach_clamp_max_(gradients, self.clip_value)
        return length(gradients)
