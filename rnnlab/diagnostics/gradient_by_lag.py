"""How the gradient fades on its way back through time."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from matplotlib.axes import Axes

from rnnlab.diagnostics.diagnostic import Arrays, Diagnostic, Measurement
from rnnlab.diagnostics.probe import Probe
from rnnlab.foundation.censored import CENSORED
from rnnlab.foundation.checks import check_int
from rnnlab.foundation.palette import BLUE, GREY

FADED = 1e-3
INPUT = "input"

DEFAULT = 32  # sequences


@dataclass(frozen=True)
class GradientByLag(Diagnostic):
    """g_k = E ||dL/dh_{T-k}||, k = 0..T-1: the error signal that lag k gets (Hochreiter, 1991).

    L is the loss of the last step's answer (in copy memory too, where each step has one), the mean
    is over sequences, and the layers of a stack count as one vector. In a linear network
    h_t = a h_{t-1} + W x_t, g_k = a^k g_0; with orthogonal U, g_k = g_0.

    `memory/gradient_horizon` is the smallest k with g_k < 1e-3 g_0. Where there is none, the gradient
    had not faded when the sequence was at its end: the metric is T, a lower bound, and
    `memory/gradient_horizon_censored` is 1, which else is 0. A report then shows `> T`.

    For a cell with more than h_t the same is measured in those tensors, for the LSTM in c_t: with a
    forget gate of its bias b alone, g_k = sigmoid(b)^k g_0, and `memory/gradient_horizon_c`, with
    `memory/gradient_horizon_c_censored`.

    Where h_t reaches no later step, as in an LRU, a DeltaNet or a TCN, dL/dh_{T-k} is 0 from k = 1 on and says
    nothing of the cell's memory. There `memory/gradient_horizon` is that of g_k = E ||dL/dx_{T-k}||, x_t the inputs,
    and the array `input` (T,) stands in place of `h`.

    The arrays are g_k as it is, by the tensor's name: `h` (T,), for an LSTM also `c` (T,).

    Args:
        sequences: To take the mean over; None: 32, or all of a validation split that has fewer.

    Raises:
        ValueError: For fewer than one sequence.
    """

    reported: ClassVar = {"memory/gradient_horizon": "gradient horizon (steps)"}

    sequences: int | None = None

    def __post_init__(self) -> None:
        if self.sequences is not None:
            check_int("sequences", self.sequences, minimum=1)

    def measure(self, probe: Probe) -> Measurement:
        count = self.sequences or probe.at_most(DEFAULT)
        unrolled = probe.unrolled(count)
        gradients, first = dict(unrolled.of_last_answer.total), unrolled.batch.inputs[:, 0]
        main = "h" if probe.dynamics.carries_hidden(first) else INPUT
        if main == INPUT:
            gradients[INPUT] = unrolled.of_last_answer.inputs
            del gradients["h"]
        arrays = {
            # The loss is a mean over the batch: of one sequence, it is so many times as steep.
            name: (g.cpu().norm(dim=2).mean(dim=1) * count).flip(0).numpy()
            for name, g in gradients.items()
        }
        metrics: dict[str, float] = {}
        for name, norms in arrays.items():
            metric = "memory/gradient_horizon" + ("" if name == main else f"_{name}")
            metrics[metric] = found = horizon(norms)
            metrics[metric + CENSORED] = found if math.isnan(found) else float(found == len(norms))
        return Measurement(metrics, arrays)

    def draw(self, axes: Axes, first: Arrays, last: Arrays) -> None:
        axes.axhline(np.log10(FADED), color=GREY, linestyle=":")
        main = INPUT if INPUT in last else "h"
        for name in last:
            for arrays, color in ((first, GREY), (last, BLUE)):
                with np.errstate(divide="ignore", invalid="ignore"):
                    shown = np.log10(arrays[name] / arrays[name][0])
                axes.plot(shown, color=color, linestyle="-" if name == main else "-.")
        others = [name for name in last if name != main]
        names = f"dL/d{main}"
        if others:
            names += (
                f", dashed dL/d{others[0]}"
                if len(others) == 1
                else f", dashed {len(others)} others"
            )
        axes.set(
            title=f"gradient by lag: {names}", xlabel="lag k (steps)", ylabel="log10 g_k / g_0"
        )


def horizon(norms: np.ndarray) -> float:
    """The first lag at which the gradient has faded under 1e-3 of lag 0; T if at none."""
    if not norms[0] > 0:
        return float("nan")
    faded = norms < FADED * norms[0]
    return float(faded.argmax() if faded.any() else len(norms))
