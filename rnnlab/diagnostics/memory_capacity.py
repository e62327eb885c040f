"""How much of its past input a cell's state holds, whatever the readout has learnt."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from matplotlib.axes import Axes
from scipy.stats import beta
from torch import Tensor

from rnnlab.diagnostics.diagnostic import Arrays, Diagnostic, Measurement
from rnnlab.diagnostics.probe import Probe
from rnnlab.foundation.checks import check_int
from rnnlab.foundation.palette import BLUE, GREY

CHANCE = 1e-4  # of counting any lag at all for a cell without memory
NEGLIGIBLE = 1e-10  # of the largest variance: below is the rounding of single precision


@dataclass(frozen=True)
class MemoryCapacity(Diagnostic):
    """The short-term memory capacity of Jaeger (2001): MC = sum_k r_k^2, never above hidden_size.

    The network is driven by noise u_t, uniform on [-1, 1] and the same in every input feature. r_k^2
    is how much of the variance of u_{t-k} the best linear readout of the last layer's h_t explains,
    k = 0, 1, ..., where lag 0 is the input just read. A delay line of N units has r_k^2 = 1 at N
    lags, and MC = N.

    The lagged inputs are made orthogonal to one another in the sample. So the bound, which Jaeger
    proves for independent inputs, holds for the sample itself. An r_k^2 that chance alone would
    give counts as 0 (Dambre et al., 2012).

    Gives `memory/capacity`, and the array `by_lag` (lags,), r_k^2.

    Args:
        lags: How many; null: twice hidden_size.
        streams: Independent runs of noise; each is read at max(64, hidden_size, lags / 8) steps
            after the first `lags`, which leaves twice as many samples as lags at the least.

    Raises:
        ValueError: For fewer than one lag or 16 streams.
    """

    reported: ClassVar = {"memory/capacity": "memory capacity"}

    lags: int | None = None
    streams: int = 32

    def __post_init__(self) -> None:
        if self.lags is not None:
            check_int("lags", self.lags, minimum=1)
        check_int("streams", self.streams, minimum=16)

    def measure(self, probe: Probe) -> Measurement:
        size = probe.dynamics.layers[-1].hidden_size
        lags = self.lags or 2 * size
        read = max(64, size, lags // 8)
        noise = torch.rand(self.streams, lags + read, 1, generator=probe.noise()) * 2 - 1
        hidden = noise.to(probe.device, probe.dtype).expand(-1, -1, probe.task.input_size)
        with torch.no_grad():
            for cell in probe.dynamics.layers:
                hidden, _ = cell(hidden)
        states = hidden[:, lags:].flatten(0, 1).cpu()
        lagged = noise.squeeze(2).unfold(1, lags, 1)[:, 1:].flip(2)  # newest first
        by_lag = capacities(states, lagged.flatten(0, 1).double())
        capacity = min(by_lag.sum(), size)  # of the last digit, rounding
        return Measurement({"memory/capacity": float(capacity)}, {"by_lag": by_lag})

    def draw(self, axes: Axes, first: Arrays, last: Arrays) -> None:
        axes.plot(first["by_lag"], color=GREY)
        axes.plot(last["by_lag"], color=BLUE)
        capacity = f"{first['by_lag'].sum():.3g}, then {last['by_lag'].sum():.3g}"
        axes.set(title=f"memory capacity {capacity}", xlabel="lag k (steps)", ylabel="r_k^2")


def capacities(states: Tensor, lagged: Tensor) -> np.ndarray:
    """r_k^2 of each lag, (lags,), from samples of the states (m, N) and lagged inputs (m, lags)."""
    if not states.isfinite().all():
        return np.full(lagged.size(1), np.nan)
    states, lagged = states - states.mean(dim=0), lagged - lagged.mean(dim=0)
    variances, directions = torch.linalg.eigh(states.mT @ states)
    kept = variances > NEGLIGIBLE * variances[-1]
    rank = int(kept.sum())
    if variances[-1] <= 0 or rank == 0:
        return np.zeros(lagged.size(1))
    basis = states @ directions[:, kept] / variances[kept].sqrt()
    explained = (basis.mT @ torch.linalg.qr(lagged).Q).square().sum(dim=0).numpy()
    # r^2 of `rank` regressors that know nothing, in so many samples
    spare = len(states) - 1 - rank
    threshold = beta(rank / 2, spare / 2).ppf(1 - CHANCE / lagged.size(1))
    return np.where(explained > threshold, explained, 0.0)
