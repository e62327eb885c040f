"""Whether small differences grow or fade along real sequences."""

from dataclasses import dataclass
from itertools import pairwise
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

EVERY = 5  # steps between two QR, at most
APART = 1e-8  # ratio of two directions' lengths which leaves the shorter half of its digits


@dataclass(frozen=True)
class Lyapunov(Diagnostic):
    """The largest Lyapunov exponents, by QR along the task's sequences (Engelken et al., 2023).

        Q_t R_t = J_t' Q_{t+k},    lambda_i = mean_t log |R_t,ii| / k    (per step)

    J_t = ds_{t+k-1}/ds_{t-1} of all that the cells carry, over k = 5 steps, or fewer where the products
    of so many would lose digits. The products run back in time, as gradients do: the exponents are
    those of the forward products, and only gradients of `step` are needed. With
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

    A stack of cells that are not recurrent, of depth "1", forgets every difference after some steps: its
    exponents are minus infinity, and nothing is measured.

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
        dynamics = probe.dynamics
        if all(cell.depth == "1" for cell in dynamics.layers):
            return Measurement({}, {})
        inputs = self._joined(probe)
        steps, skipped = inputs.size(1), int(self.transient * inputs.size(1))
        settled = steps - skipped
        cuts = [*range(skipped, settled, EVERY), *range(settled, steps, EVERY), steps]
        states = _states(dynamics, inputs, cuts)
        frame = self._frame(probe, min(self.count or dynamics.size, dynamics.size))
        logs, lengths = [], []
        for state, (start, stop) in reversed([*zip(states, pairwise(cuts), strict=True)]):
            frame, grown = _pulled_back(dynamics, inputs[:, start:stop], state, frame)
            if stop <= settled:
                logs.insert(0, grown.mean(dim=0))
                lengths.insert(0, stop - start)
        by_part, counted = torch.stack(logs), torch.tensor(lengths)
        exponents, order = (by_part.sum(dim=0) / counted.sum()).sort(descending=True)
        metrics = {"recurrent/lyapunov_max": exponents[0].item()}
        largest = by_part[:, order[0]]
        if largest.isfinite().all():
            quarters = zip(largest.tensor_split(4), counted.tensor_split(4), strict=True)
            rates = [float(part.sum() / over.sum()) for part, over in quarters if len(part)]
            metrics["recurrent/lyapunov_unsettled"] = max(rates) - min(rates)
        return Measurement(metrics, {"exponents": exponents.numpy()})

    def _joined(self, probe: Probe) -> Tensor:
        """Inputs, (sequences, steps or more, input_size)."""
        each = -(-self.steps // probe.task.seq_len)
        count = self.sequences * each
        inputs = probe.batch(count, again=True).inputs  # as long as seq_len, or longer
        return inputs.reshape(self.sequences, -1, inputs.size(2))

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


def _states(dynamics: Dynamics, inputs: Tensor, cuts: list[int]) -> list[Tensor]:
    """s_t before the step of each cut but the last, (sequences, D)."""
    with torch.no_grad():
        states = [flatten(dynamics.initial_states(inputs))]
        for start, stop in pairwise([0, *cuts[:-1]]):
            part = inputs[:, start:stop]
            states.append(dynamics.run(part, states[-1]) if start < stop else states[-1])
    return states[1:]


def _pulled_back(
    dynamics: Dynamics, inputs: Tensor, state: Tensor, frame: Tensor
) -> tuple[Tensor, Tensor]:
    """A frame before some steps from the one after them, (sequences, count, D), and log |R_ii|.

    Where the steps draw the directions too far apart for one product, they are halved.
    """
    steps, count = inputs.size(1), frame.size(1)
    x, s = (each.repeat_interleave(count, dim=0) for each in (inputs, state))
    pulled = dynamics.pulled_back(x, s, frame.flatten(0, 1)).view_as(frame).mT
    q, r = torch.linalg.qr(pulled.cpu())  # small, and slow on a GPU
    grown = r.diagonal(dim1=1, dim2=2).abs()
    if steps > 1 and (grown.amin(dim=1) < APART * grown.amax(dim=1)).any():
        half = steps // 2
        with torch.no_grad():
            between = dynamics.run(inputs[:, :half], state)
        frame, late = _pulled_back(dynamics, inputs[:, half:], between, frame)
        frame, early = _pulled_back(dynamics, inputs[:, :half], state, frame)
        return frame, late + early
    return q.mT.to(frame).contiguous(), grown.log()
