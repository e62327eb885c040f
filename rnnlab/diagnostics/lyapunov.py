"""Whether small differences grow or fade along real sequences."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor

from rnnlab.diagnostics.diagnostic import Arrays, Diagnostic, Measurement
from rnnlab.diagnostics.probe import Probe
from rnnlab.foundation.checks import check_float, check_int
from rnnlab.foundation.palette import BLUE, GREY


@dataclass(frozen=True)
class Lyapunov(Diagnostic):
    """The largest Lyapunov exponents, by QR along the task's sequences (Engelken et al., 2023).

        Q_t R_t = J_t' Q_{t+1},    lambda_i = mean_t log |R_t,ii|    (per step)

    J_t = ds_t/ds_{t-1} of all that the cells carry. The products run back in time, as gradients do:
    the exponents are those of the forward products, and only gradients of `step` are needed. A
    fraction `transient` of the steps is left out at each end of the sequence: at its start the
    state still approaches, from s_0 = 0, where the inputs drive it; at its end, where the products
    begin, Q still turns towards the growing directions. With orthogonal U and no nonlinearity all
    exponents are 0, with U = a I they are log |a|.

    A sequence is as long as the task's, so that these are exponents over a finite time: what
    matters to that task. Gives `recurrent/lyapunov_max`, the largest, as a mean over sequences;
    `recurrent/lyapunov_unsettled`, by how much it differs between the earlier half of the counted
    steps and the later one; and the array `exponents` (count,), descending, per step. A positive
    exponent that is no larger than what is unsettled is no sign of chaos.

    Args:
        count: Exponents, from the largest on; null, or more than there are: all of them.
        sequences: To take the mean over.
        transient: Fraction of the steps that is left out at each end.

    Raises:
        ValueError: For a count or sequences below 1, or a transient outside [0, 0.5).
    """

    reported: ClassVar = {
        "recurrent/lyapunov_max": "Lyapunov exponent (1/step)",
        "recurrent/lyapunov_unsettled": "its change within a sequence (1/step)",
    }

    count: int | None = 8
    sequences: int = 4
    transient: float = 0.2

    def __post_init__(self) -> None:
        if self.count is not None:
            check_int("count", self.count, minimum=1)
        check_int("sequences", self.sequences, minimum=1)
        check_float("transient", self.transient, at_least=0.0, below=0.5)

    def measure(self, probe: Probe) -> Measurement:
        unrolled, dynamics = probe.unrolled(self.sequences), probe.dynamics
        inputs = unrolled.batch.inputs.transpose(0, 1)
        count = min(self.count or dynamics.size, dynamics.size)
        frame = self._frame(probe, count)  # rows, where the equation has columns
        steps, skipped = len(inputs), int(self.transient * len(inputs))
        counted = range(skipped, steps - skipped)
        logs = torch.zeros(len(counted), self.sequences, count, dtype=torch.float64)
        for t in reversed(range(counted.start, steps)):
            x, s = (v[t].repeat_interleave(count, dim=0) for v in (inputs, unrolled.before))
            pulled = dynamics.pulled_back(x, s, frame.flatten(0, 1)).view_as(frame).mT
            q, r = torch.linalg.qr(pulled.cpu())  # small, and slow on a GPU
            frame = q.mT.to(frame).contiguous()
            if t in counted:
                logs[t - counted.start] = r.diagonal(dim1=1, dim2=2).abs().log()
        exponents, order = logs.mean(dim=(0, 1)).sort(descending=True)
        largest = logs[..., order[0]].mean(dim=1)
        metrics = {"recurrent/lyapunov_max": exponents[0].item()}
        half = len(counted) // 2
        if half and largest.isfinite().all():
            change = largest[-half:].mean() - largest[:half].mean()
            metrics["recurrent/lyapunov_unsettled"] = change.abs().item()
        return Measurement(metrics, {"exponents": exponents.numpy()})

    def _frame(self, probe: Probe, count: int) -> Tensor:
        """Orthonormal rows to begin with; the axes themselves where they are all followed."""
        size = probe.dynamics.size
        start = torch.eye(size)
        if count < size:
            start = torch.linalg.qr(torch.randn(size, count, generator=probe.noise())).Q.mT
        return start.to(probe.device, probe.dtype).repeat(self.sequences, 1, 1)

    def draw(self, axes: Axes, first: Arrays, last: Arrays) -> None:
        axes.axhline(0.0, color=GREY, linestyle=":")
        number = np.arange(1, len(last["exponents"]) + 1)
        axes.plot(number, first["exponents"], ".-", color=GREY)
        axes.plot(number, last["exponents"], ".-", color=BLUE)
        axes.set(title="Lyapunov exponents", xlabel="number", ylabel="exponent (1/step)")
