"""How much of its past input a cell's state holds, whatever the readout has learnt."""

import functools
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor

from rnnlab.diagnostics.diagnostic import Arrays, Diagnostic, Measurement
from rnnlab.diagnostics.probe import Probe, noise_of
from rnnlab.foundation.censored import CENSORED
from rnnlab.foundation.checks import check_int
from rnnlab.foundation.palette import BLUE, GREY

NEGLIGIBLE = 1e-10  # of the largest variance: below is the rounding of single precision
SETTLED = 0.01  # share of the capacity that may lie in the farther half of the lags
LONGEST = 1024  # lags that are looked at unasked


@dataclass(frozen=True)
class MemoryCapacity(Diagnostic):
    """The short-term memory capacity of Jaeger (2001): MC = sum_k r_k^2, never above hidden_size.

    The network is driven by noise u_t, uniform on [-1, 1] and the same in every input feature. r_k^2
    is how much of the variance of u_{t-k} the best linear readout of the last layer's h_t explains,
    k = 0, 1, ..., where lag 0 is the input just read. A delay line of N units has r_k^2 = 1 at N
    lags, and MC = N. Directions in which the states vary by less than 1e-5 of their largest standard
    deviation do not count: in single precision, in which cells are trained, they are rounding.

    The lagged inputs are made orthogonal to one another in the sample. So the bound, which Jaeger
    proves for independent inputs, holds for the sample itself. Of N independent regressors chance
    explains N/m of anything in m samples; what it explains beside what the states do hold is taken
    off (see `capacities`), so that the values of lags without memory scatter about 0.

    A slow cell spreads its memory over many lags. Their number is doubled, from twice hidden_size
    on, until the farther half of them has no more than a hundredth of the capacity, and the noise
    begins as many steps before the first sample. At 1024 lags, or twice hidden_size if that is
    more, `memory/capacity` is a lower bound and `memory/capacity_censored` is 1, which else is 0.

    Gives `memory/capacity`, and the array `by_lag`, r_k^2, NaN for lags that were not looked at.

    The estimate leans low where the states are no linear function of the inputs, and scatters; both
    shrink about as 1/streams. Over 12 draws of noise, of untrained cells of 64 units, against the
    mean with 512 streams, at the default of 64 and at 32:

        LSTM   9.30   low by 0.13 and 0.29   standard deviation 0.07 and 0.13
        GRU    6.80          0.02 and 0.04                      0.07 and 0.10
        Elman 14.81          0.00 and 0.00                      0.06 and 0.12

    Args:
        lags: How many, and no more; null: as many as it takes.
        streams: Independent runs of noise; each is read at max(64, hidden_size, lags / 8) steps
            after the first `lags`, which leaves twice as many samples as lags at the least.

    Raises:
        ValueError: For fewer than one lag or 16 streams.
    """

    reported: ClassVar = {"memory/capacity": "memory capacity"}

    takes_lengths: ClassVar = True

    lags: int | None = None
    streams: int = 64

    def __post_init__(self) -> None:
        if self.lags is not None:
            check_int("lags", self.lags, minimum=1)
        check_int("streams", self.streams, minimum=16)

    def measure(self, probe: Probe) -> Measurement:
        size = probe.dynamics.layers[-1].hidden_size
        lags = self.lags or 2 * size
        by_lag, settled = self._look(probe, lags)
        while not settled and self.lags is None and lags < LONGEST:
            lags = min(2 * lags, LONGEST)
            by_lag, settled = self._look(probe, lags)
        capacity = np.clip(by_lag.sum(), 0, size)
        metrics = {"memory/capacity": float(capacity)}
        if self.lags is None:
            metrics[f"memory/capacity{CENSORED}"] = float(not settled)
        # One length in a run, however many lags a look took: what is farther is not looked at.
        shown = np.full(self.lags or max(2 * size, LONGEST), np.nan)
        shown[:lags] = by_lag
        return Measurement(metrics, {"by_lag": shown})

    def _look(self, probe: Probe, lags: int) -> tuple[np.ndarray, bool]:
        """r_k^2 of so many lags; whether the farther half of them has next to nothing."""
        size = probe.dynamics.layers[-1].hidden_size
        read = max(64, size, lags // 8)
        noise, triangle = _noise(probe.seed, self.streams, lags, read)
        hidden = noise.unsqueeze(2).to(probe.device, probe.dtype)
        hidden = hidden.expand(-1, -1, probe.task.input_size)
        with torch.no_grad():
            for cell in probe.dynamics.layers:
                hidden, _ = cell(hidden)
        states = hidden[:, lags:].flatten(0, 1).cpu()
        by_lag = capacities(states, _lagged(noise, lags), triangle)
        scatter = 2 * np.sqrt(size * lags) / len(states)  # two standard errors of the half's sum
        return by_lag, not by_lag[lags // 2 :].sum() > SETTLED * by_lag.sum() + scatter

    def draw(self, axes: Axes, first: Arrays, last: Arrays) -> None:
        axes.plot(first["by_lag"], color=GREY)
        axes.plot(last["by_lag"], color=BLUE)
        capacity = ", then ".join(f"{np.nansum(arrays['by_lag']):.3g}" for arrays in (first, last))
        axes.set(title=f"memory capacity {capacity}", xlabel="lag k (steps)", ylabel="r_k^2")


@functools.lru_cache(maxsize=8)  # 8 MiB each, at most; every look takes the same noise
def _noise(seed: int, streams: int, lags: int, read: int) -> tuple[Tensor, Tensor]:
    """u_t, (streams, lags + read), and the triangle of its lagged samples."""
    noise = noise_of(seed, streams).uniform(lags + read) * 2 - 1
    return noise, triangle_of(_lagged(noise, lags))


def _lagged(noise: Tensor, lags: int) -> Tensor:
    """u_{t-k} after the first `lags` steps, (samples, lags); k = 0 first."""
    return noise.unfold(1, lags, 1)[:, 1:].flip(2).flatten(0, 1).double()


def triangle_of(lagged: Tensor) -> Tensor:
    """R of lagged = Q R, its means taken off: by Cholesky, a tenth of the time of a QR of all samples."""
    lagged = lagged - lagged.mean(dim=0)
    return torch.linalg.cholesky(lagged.mT @ lagged, upper=True)


def capacities(states: Tensor, lagged: Tensor, triangle: Tensor) -> np.ndarray:
    """r_k^2 of each lag, (lags,), from samples of the states (m, N) and lagged inputs (m, lags).

    `triangle` makes the lagged inputs orthogonal, as Gram and Schmidt do: see `triangle_of`.

    In the sample the states explain e_k of lag k, which is made orthogonal to those before it, and
    sum_k e_k <= N. They hold S of the lags; what is left of their N dimensions lies anywhere in
    the m of the sample, and so explains a share c of what they do not hold of a lag by chance:

        e_k = r_k^2 + (1 - r_k^2) c,    c = (N - S) / m,    S = sum_k r_k^2

    which is a quadratic equation for S. With S = N, as in a delay line, c is 0.
    """
    if not states.isfinite().all():
        return np.full(lagged.size(1), np.nan)
    states = states - states.mean(dim=0)  # and so what is multiplied by them needs no mean of 0
    variances, directions = torch.linalg.eigh(states.mT @ states)
    kept = variances > NEGLIGIBLE * variances[-1]
    rank = int(kept.sum())
    if variances[-1] <= 0 or rank == 0:
        return np.zeros(lagged.size(1))
    basis = states @ directions[:, kept] / variances[kept].sqrt()
    parts = torch.linalg.solve_triangular(triangle, basis.mT @ lagged, upper=True, left=False)
    explained = parts.square().sum(dim=0).numpy()
    samples, lags = lagged.shape
    spare = (samples - rank - lags) / 2
    held = np.sqrt(spare**2 + samples * explained.sum() - lags * rank) - spare
    chance = (rank - held) / samples
    return (explained - chance) / (1 - chance)
