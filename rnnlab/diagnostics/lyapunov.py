"""Whether small differences grow or fade along real sequences."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor

from rnnlab.diagnostics.diagnostic import Arrays, Diagnostic, Measurement
from rnnlab.diagnostics.dynamics import Dynamics, flatten
from rnnlab.diagnostics.probe import Probe
from rnnlab.foundation.checks import check_float, check_int
from rnnlab.foundation.palette import BLUE, GREY


@dataclass(frozen=True)
class Lyapunov(Diagnostic):
    """The largest Lyapunov exponents, by QR along the task's sequences (Engelken et al., 2023).

        Q_t R_t = J_t' Q_{t+1},    lambda_i = mean_t log |R_t,ii|    (per step)

    J_t = ds_t/ds_{t-1} of all that the cells carry. The products run back in time, as gradients do:
    the exponents are those of the forward products, and only gradients of `step` are needed. With
    orthogonal U and no nonlinearity all exponents are 0, with U = a I they are log |a|.

    An exponent is a rate in the long run, and a sequence may be short: within 10 steps from s_0 = 0
    differences grow faster, by 0.15 a step, than in the long run of an Elman of 64 units with U
    twice torch's. So sequences are joined, each going on from the state that the one before has
    left, until they have `steps` steps. Of these a fraction `transient` is left out at each end: at
    the start the state still approaches, from s_0 = 0, where the inputs drive it; at the end, where
    the products begin, Q still turns towards the growing directions.

    Gives `recurrent/lyapunov_max`, the largest, as a mean over sequences; `recurrent/lyapunov_unsettled`,
    the largest less the smallest of its means over four quarters of the counted steps; and the array
    `exponents` (count,), descending, per step. A positive exponent that is no larger than what is
    unsettled is no sign of chaos. Of 16 such Elmans the largest exponent was within 0.014 (one
    standard deviation) of the one over 3000 steps.

    Args:
        count: Exponents, from the largest on; null, or more than there are: all of them.
        sequences: Joined sequences to take the mean over.
        steps: In each, at the least: as many of the task's sequences as that takes.
        transient: Fraction of the steps that is left out at each end.

    Raises:
        ValueError: For a count, sequences or steps below 1, or a transient outside [0, 0.5).
    """

    reported: ClassVar = {
        "recurrent/lyapunov_max": "Lyapunov exponent (1/step)",
        "recurrent/lyapunov_unsettled": "its range over quarters (1/step)",
    }

    count: int | None = 8
    sequences: int = 8
    steps: int = 200
    transient: float = 0.2

    def __post_init__(self) -> None:
        if self.count is not None:
            check_int("count", self.count, minimum=1)
        check_int("sequences", self.sequences, minimum=1)
        check_int("steps", self.steps, minimum=1)
        check_float("transient", self.transient, at_least=0.0, below=0.5)

    def measure(self, probe: Probe) -> Measurement:
        dynamics, inputs = probe.dynamics, self._joined(probe)
        states = _states(dynamics, inputs)
        count = min(self.count or dynamics.size, dynamics.size)
        frame = self._frame(probe, count)  # rows, where the equation has columns
        steps, skipped = len(inputs), int(self.transient * len(inputs))
        counted = range(skipped, steps - skipped)
        logs = torch.zeros(len(counted), self.sequences, count, dtype=torch.float64)
        for t in reversed(range(counted.start, steps)):
            x, s = (v[t].repeat_interleave(count, dim=0) for v in (inputs, states))
            pulled = dynamics.pulled_back(x, s, frame.flatten(0, 1)).view_as(frame).mT
            q, r = torch.linalg.qr(pulled.cpu())  # small, and slow on a GPU
            frame = q.mT.to(frame).contiguous()
            if t in counted:
                logs[t - counted.start] = r.diagonal(dim1=1, dim2=2).abs().log()
        exponents, order = logs.mean(dim=(0, 1)).sort(descending=True)
        metrics = {"recurrent/lyapunov_max": exponents[0].item()}
        largest = logs[..., order[0]].mean(dim=1)
        if largest.isfinite().all():
            quarters = [part.mean().item() for part in largest.tensor_split(4) if len(part)]
            metrics["recurrent/lyapunov_unsettled"] = max(quarters) - min(quarters)
        return Measurement(metrics, {"exponents": exponents.numpy()})

    def _joined(self, probe: Probe) -> Tensor:
        """Inputs, (steps or more, sequences, input_size)."""
        each = -(-self.steps // probe.task.seq_len)
        inputs = probe.batch(
            self.sequences * each, again=True
        ).inputs  # as long as seq_len, or longer
        return inputs.reshape(self.sequences, -1, inputs.size(2)).transpose(0, 1)

    def _frame(self, probe: Probe, count: int) -> Tensor:
        """Orthonormal rows to begin with; the axes themselves where they are all followed."""
        size = probe.dynamics.size
        start = torch.eye(size)
        if count < size:
            start = torch.linalg.qr(probe.noise(size).normal(count)).Q.mT
        return start.to(probe.device, probe.dtype).repeat(self.sequences, 1, 1)

    def draw(self, axes: Axes, first: Arrays, last: Arrays) -> None:
        axes.axhline(0.0, color=GREY, linestyle=":")
        number = np.arange(1, len(last["exponents"]) + 1)
        axes.plot(number, first["exponents"], ".-", color=GREY)
        axes.plot(number, last["exponents"], ".-", color=BLUE)
        axes.set(title="Lyapunov exponents", xlabel="number", ylabel="exponent (1/step)")


def _states(dynamics: Dynamics, inputs: Tensor) -> Tensor:
    """s_{t-1} of every step, (steps, sequences, D)."""
    before = []
    with torch.no_grad():
        states = dynamics.initial_states(inputs.transpose(0, 1))
        for x in inputs:
            before.append(flatten(states))
            states = dynamics.step(x, states)
    return torch.stack(before)
