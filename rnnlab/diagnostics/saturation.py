"""How many units sit at the ends of their range, where gradients die."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from matplotlib.axes import Axes
from torch import Tensor

from rnnlab.diagnostics.diagnostic import Arrays, Diagnostic, Measurement
from rnnlab.diagnostics.probe import Probe
from rnnlab.foundation.checks import check_float, check_int
from rnnlab.foundation.palette import BLUE, GREY


@dataclass(frozen=True)
class Saturation(Diagnostic):
    """The fraction of h_t's units at a bound of their range (after Glorot & Bengio, 2010).

    Between two finite bounds a unit is saturated within `margin` of the range from either: for tanh
    and the gated cells, in (-1, 1), |h| > 0.95 by default. Where one bound is infinite, as for
    relu, it is saturated on the other: a unit at 0 that passes no gradient. A cell without finite
    bounds has no saturation, and nothing is measured.

    Gives `recurrent/saturation`, the mean over sequences, steps and units of all layers, and the
    array `by_step` (T,).

    Args:
        sequences: To take the mean over.
        margin: As a fraction of the range.

    Raises:
        ValueError: For fewer than one sequence, or a margin outside [0, 0.5).
    """

    reported: ClassVar = {"recurrent/saturation": "saturated units"}

    sequences: int = 32
    margin: float = 0.025

    def __post_init__(self) -> None:
        check_int("sequences", self.sequences, minimum=1)
        check_float("margin", self.margin, at_least=0.0, below=0.5)

    def measure(self, probe: Probe) -> Measurement:
        cells = probe.dynamics.layers
        hidden = probe.unrolled(self.sequences).hidden.split([c.hidden_size for c in cells], dim=2)
        saturated = [
            _beyond(h, *cell.bounds, self.margin)
            for h, cell in zip(hidden, cells, strict=True)
            if any(map(math.isfinite, cell.bounds))
        ]
        if not saturated:
            return Measurement({}, {})
        by_step = torch.cat(saturated, dim=2).cpu().double().mean(dim=(1, 2))
        metrics = {"recurrent/saturation": by_step.mean().item()}
        return Measurement(metrics, {"by_step": by_step.numpy()})

    def draw(self, axes: Axes, first: Arrays, last: Arrays) -> None:
        axes.plot(100 * first["by_step"], color=GREY)
        axes.plot(100 * last["by_step"], color=BLUE)
        axes.set(title="saturated units", xlabel="t (steps)", ylabel="units (%)")
        axes.set_ylim(0, max(1.0, *axes.get_ylim()))


def _beyond(h: Tensor, low: float, high: float, margin: float) -> Tensor:
    within = margin * (high - low)
    if math.isinf(within):
        return (h <= low) | (h >= high)
    return (h < low + within) | (h > high - within)
