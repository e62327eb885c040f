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
    the exponents are those of the forward products, and only gradients of `step` are needed. The
    steps that are taken first, a fraction `transient` of the sequence, only turn Q towards the
    growing directions and are not counted. With orthogonal U and no nonlinearity all exponents are
    0, with U = a I they are log |a|.

    A sequence is as long as the task's, so that these are exponents over a finite time: what
    matters to that task. Gives `recurrent/lyapunov_max`, the largest, as a mean over sequences, and
    the array `exponents` (count,), descending, per step.

    Args:
        count: Exponents, from the largest on; null, or more than there are: all of them.
        sequences: To take the mean over.
        transient: Fraction of the steps that are not counted.

    Raises:
        ValueError: For a count or sequences below 1, or a transient outside [0, 1).
    """

    reported: ClassVar = {"recurrent/lyapunov_max": "Lyapunov exponent (1/step)"}

    count: int | None = 8
    sequences: int = 4
    transient: float = 0.2

    def __post_init__(self) -> None:
        if self.count is not None:
            check_int("count", self.count, minimum=1)
        check_int("sequences", self.sequences, minimum=1)
        check_float("transient", self.transient, at_least=0.0, below=1.0)

    def measure(self, probe: Probe) -> Measurement:
        unrolled, dynamics = probe.unrolled(self.sequences), probe.dynamics
        inputs = unrolled.batch.inputs.transpose(0, 1)
        count = min(self.count or dynamics.size, dynamics.size)
        frame = self._frame(probe, count)  # rows, where the equation has columns
        skipped = int(self.transient * len(inputs))
        logs = torch.zeros(self.sequences, count, dtype=torch.float64)
        for done, t in enumerate(reversed(range(len(inputs)))):
            x, s = (v[t].repeat_interleave(count, dim=0) for v in (inputs, unrolled.before))
            pulled = dynamics.pulled_back(x, s, frame.flatten(0, 1)).view_as(frame).mT
            q, r = torch.linalg.qr(pulled.cpu())  # small, and slow on a GPU
            frame = q.mT.to(frame).contiguous()
            if done >= skipped:
                logs += r.diagonal(dim1=1, dim2=2).abs().log()
        exponents = (logs / (len(inputs) - skipped)).mean(dim=0).sort(descending=True).values
        metrics = {"recurrent/lyapunov_max": exponents[0].item()}
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
