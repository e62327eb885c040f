"""Noise in the gradient (Neelakantan et al., 2015), with the same bits wherever a run goes on."""

from collections.abc import Iterable

import torch
from torch import nn

from rnnlab.tasks.draws import Draws
from rnnlab.tasks.philox import PAGE, Part
from rnnlab.training.settings import TrainSettings

GAMMA = 0.55
"""How fast the variance falls, in the paper."""


def noise_of(settings: TrainSettings, seed: int) -> "GradientNoise | None":
    """What the settings ask for."""
    eta, gamma = settings.gradient_noise, settings.gradient_noise_decay
    return None if eta is None else GradientNoise(eta, GAMMA if gamma is None else gamma, seed)


class GradientNoise:
    """g <- g + N(0, eta / (1 + t)^gamma) at update t = 0, 1, ..., in every parameter, after clipping.

    The numbers of update t are a function of (seed, t), with the same bits on every device.

    Args:
        eta: The variance at the first update: 0.01, 0.3 or 1 in the paper.
        gamma: How fast it falls.
        seed: Of the noise.
    """

    def __init__(self, eta: float, gamma: float, seed: int) -> None:
        self.eta, self.gamma, self.seed = eta, gamma, seed

    def add(self, parameters: Iterable[nn.Parameter], update: int) -> None:
        """Add it to the gradients, of those that have one, before update number `update`."""
        gradients = [p.grad for p in parameters if p.grad is not None]
        sizes = [gradient.numel() for gradient in gradients]
        if not sizes:
            return
        device = gradients[0].device
        source = device if device.type == "cuda" else torch.device("cpu")
        rows = Part(update, 0, -(-sum(sizes) // PAGE))
        draws = Draws(self.seed, "gradient_noise", [rows], source)
        scale = (self.eta / (1 + update) ** self.gamma) ** 0.5
        drawn = draws.normal(PAGE).flatten()[: sum(sizes)].to(device)
        for gradient, noise in zip(gradients, drawn.split(sizes), strict=True):
            gradient.add_(noise.view_as(gradient).to(gradient.dtype), alpha=scale)
