"""The recurrent Jacobian along real sequences."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from matplotlib.axes import Axes
from torch import Tensor

from rnnlab.diagnostics.diagnostic import Arrays, Diagnostic, Measurement
from rnnlab.diagnostics.large_state import is_too_large
from rnnlab.diagnostics.probe import Probe
from rnnlab.foundation.checks import check_int
from rnnlab.foundation.palette import BLUE, GREY

DEFAULT = 4  # sequences
LARGEST = 2048  # numbers in a state of which all eigenvalues are a matter of seconds


@dataclass(frozen=True)
class Jacobian(Diagnostic):
    """Eigenvalues and singular values of J_t = ds_t/ds_{t-1}, s_t all that the cells carry.

    For one layer whose state is h_t alone that is dh_t/dh_{t-1}, for an Elman cell
    diag(f'(a_t)) U. For an LSTM s_t = (h_t, c_t); there the block dh_t/dh_{t-1}, with c_{t-1} held,
    is measured as well.

    `recurrent/spectral_radius` is the mean over points of the largest |eigenvalue|,
    `recurrent/singular_value_max` and `recurrent/singular_value_median` of the largest and the
    median singular value; the block's are `recurrent/hidden_...`. The arrays: `spectral_radius`
    (points,), and `singular_values` (D,), descending, the mean over points.

    Of a state of more than 2048 numbers nothing is measured, and the log says so: 4096 take minutes a point. A
    matrix that a cell carries has as many at 64 by 64.

    Args:
        sequences: To look along; None: 4, or all of a validation split that has fewer.
        steps: Points on each sequence, evenly spaced, the last step among them.

    Raises:
        ValueError: For fewer than one of either.
    """

    reported: ClassVar = {"recurrent/spectral_radius": "spectral radius"}

    sequences: int | None = None
    steps: int = 2

    def __post_init__(self) -> None:
        if self.sequences is not None:
            check_int("sequences", self.sequences, minimum=1)
        check_int("steps", self.steps, minimum=1)

    def measure(self, probe: Probe) -> Measurement:
        dynamics = probe.dynamics
        if is_too_large("jacobian", dynamics.size, LARGEST):
            return Measurement({}, {})
        unrolled = probe.unrolled(self.sequences or probe.at_most(DEFAULT))
        inputs = unrolled.batch.inputs.transpose(0, 1)
        # Fewer steps than asked for are looked at more than once, which changes no mean.
        last, count = len(inputs) - 1, self.steps
        at = [last - last * i // count for i in range(count)]
        jacobians = dynamics.jacobians(inputs[at].flatten(0, 1), unrolled.before[at].flatten(0, 1))
        measured = _spectra(jacobians, "")
        if len(dynamics.parts) > 1:
            block = dynamics.part(dynamics.part(jacobians, "h").mT, "h").mT
            hidden = _spectra(block, "hidden_")
            measured = Measurement(
                measured.metrics | hidden.metrics, measured.arrays | hidden.arrays
            )
        return measured

    def draw(self, axes: Axes, first: Arrays, last: Arrays) -> None:
        axes.axhline(1.0, color=GREY, linestyle=":")
        axes.plot(first["singular_values"], color=GREY)
        axes.plot(last["singular_values"], color=BLUE)
        radius = last["spectral_radius"].mean()
        axes.set(
            title=f"recurrent Jacobian, spectral radius {radius:.3g}",
            xlabel="number",
            ylabel="singular value",
        )


def _spectra(jacobians: Tensor, prefix: str) -> Measurement:
    jacobians = jacobians.cpu()
    if jacobians.isfinite().all():
        radius = torch.linalg.eigvals(jacobians).abs().amax(dim=1)
        values = torch.linalg.svdvals(jacobians)
    else:
        values = torch.full_like(jacobians[:, 0], torch.nan)
        radius = values[:, 0]
    metrics = {
        "spectral_radius": radius.mean(),
        "singular_value_max": values[:, 0].mean(),
        "singular_value_median": values.quantile(0.5, dim=1).mean(),  # of an even number, between
    }
    arrays = {"spectral_radius": radius, "singular_values": values.mean(dim=0)}
    return Measurement(
        {f"recurrent/{prefix}{name}": value.item() for name, value in metrics.items()},
        {prefix + name: array.numpy() for name, array in arrays.items()},
    )
