"""Where a trained cell would stay under a constant input, and whether it would come back there."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor

from rnnlab.diagnostics.diagnostic import Arrays, Diagnostic, Measurement
from rnnlab.diagnostics.large_state import is_too_large
from rnnlab.diagnostics.probe import Probe
from rnnlab.diagnostics.slowest_states import Slowest, jacobians_at, slowest_states
from rnnlab.foundation.checks import check_choice, check_float, check_int
from rnnlab.foundation.palette import BLUE, GREY, ORANGE

DEFAULT = 32  # sequences
LARGEST = 1024  # numbers in a state: a look at 32 searches of 50 steps takes two minutes there, and 8 times as long at twice
DRAWN = 8  # of their trajectories
INPUTS = ("zero", "mean")


@dataclass(frozen=True)
class FixedPoints(Diagnostic):
    """Fixed points and slow points of s_t = F(x, s_{t-1}) at a constant input x (Sussillo & Barak, 2013).

        q(s) = 1/2 |F(x, s) - s|^2

    s is the whole state, every tensor of every layer. q is minimised from states that the task's sequences
    visit, with noise added. A minimum with q below `fixed_below` is a fixed point, one with q below
    `slow_below` a slow point; others are dropped. Minima that are nearer to one another than
    `distance` are one. A fixed point is stable if all eigenvalues of dF/ds have moduli below 1.

    A linear cell s_t = U s_{t-1} + W x + b has the one fixed point (I - U)^{-1} (W x + b). One tanh unit,
    h_t = tanh(g h_{t-1}) with g > 1, has three: 0, unstable, and the two solutions of h = tanh(g h), stable.

    The figure is of the last look alone, as each look has a plane of its own: trajectories in grey, stable
    points filled, unstable ones open, slow ones as crosses.

    Of a state of more than 1024 numbers nothing is measured, and the log says so.

    What is found is what can be reached from where the search begins: a point that no sequence
    comes near may be missed.

    Gives `fixed_points/count`, `fixed_points/stable` and `fixed_points/slow`, the numbers of fixed,
    stable fixed and slow points; `fixed_points/max_eigenvalue`, the largest modulus over all fixed
    points, and `fixed_points/min_eigenvalue`, the largest modulus at the most stable of them: they
    are left out where there is no fixed point. The arrays have a row for each search, the points that
    differ first, in the order of their q, and then NaN: `points` (starts, D), `speed` (starts,), q,
    and `eigenvalues` (starts, D), complex, the largest modulus first. `plane` (starts, 2) and
    `trajectories` (sequences, T, 2) are the points, and s_0 to s_{T-1} of at most 8 of the sequences, in the plane of the
    first two principal components of the visited states.

    Args:
        inputs: x: "zero", or "mean", the mean over the inputs of the task's sequences.
        sequences: Whose states are visited; None: 32, or all of a validation split that has fewer.
        starts: Searches.
        noise: Standard deviation of what is added to a visited state, in units of that of the
            visited states, the root of its mean over dimensions; of 1 where they do not vary.
        steps: Of a search, at most.
        fixed_below: q of a fixed point.
        slow_below: q of a slow point.
        distance: Between two points that differ, in the same units as noise.

    Raises:
        ValueError: For a number below 1, a negative noise, a threshold or distance that is not above 0, or
            slow_below under fixed_below.
    """

    reported: ClassVar = {
        "fixed_points/count": "fixed points",
        "fixed_points/stable": "stable fixed points",
    }

    inputs: str = "zero"
    sequences: int | None = None
    starts: int = 32
    noise: float = 0.5
    steps: int = 50
    fixed_below: float = 1e-16
    slow_below: float = 1e-6
    distance: float = 0.01

    def __post_init__(self) -> None:
        check_choice("inputs", self.inputs, INPUTS)
        if self.sequences is not None:
            check_int("sequences", self.sequences, minimum=1)
        check_int("starts", self.starts, minimum=1)
        check_float("noise", self.noise, at_least=0.0)
        check_int("steps", self.steps, minimum=1)
        check_float("fixed_below", self.fixed_below, above=0.0)
        check_float("slow_below", self.slow_below, at_least=self.fixed_below)
        check_float("distance", self.distance, above=0.0)

    def measure(self, probe: Probe) -> Measurement:
        if is_too_large("fixed_points", probe.dynamics.size, LARGEST):
            return Measurement({}, {})
        unrolled = probe.unrolled(self.sequences or probe.at_most(DEFAULT))
        visited = unrolled.before.flatten(0, 1)
        scale = _scale(visited)
        inputs = unrolled.batch.inputs.detach().mean(dim=(0, 1))
        if self.inputs == "zero":
            inputs = torch.zeros_like(inputs)
        starts = self._starts(probe, visited, scale)
        found = slowest_states(probe.dynamics, inputs, starts, self.steps)
        found = _distinct(found, self.slow_below, self.distance * scale)
        eigenvalues = torch.zeros_like(found.states, dtype=torch.cdouble, device="cpu")
        if len(found.states):
            eigenvalues = _eigenvalues(jacobians_at(probe.dynamics, inputs, found.states))
        mean, plane = _plane(visited)
        rows = {"points": found.states, "speed": found.speed, "eigenvalues": eigenvalues}
        rows["plane"] = (found.states - mean) @ plane
        arrays = {name: _padded(row, self.starts) for name, row in rows.items()}
        shown = (unrolled.before[:, :DRAWN] - mean) @ plane
        arrays["trajectories"] = shown.transpose(0, 1).cpu().numpy()
        if not visited.isfinite().all():
            return Measurement({}, arrays)
        return Measurement(self._counts(found.speed.cpu(), eigenvalues), arrays)

    def _counts(self, speed: Tensor, eigenvalues: Tensor) -> dict[str, float]:
        fixed = speed < self.fixed_below
        largest = eigenvalues[fixed, 0].abs()
        metrics = {
            "fixed_points/count": float(fixed.sum()),
            "fixed_points/stable": float((largest < 1).sum()),
            "fixed_points/slow": float((~fixed).sum()),
        }
        if len(largest):
            metrics["fixed_points/max_eigenvalue"] = largest.max().item()
            metrics["fixed_points/min_eigenvalue"] = largest.min().item()
        return metrics

    def _starts(self, probe: Probe, visited: Tensor, scale: float) -> Tensor:
        """States to begin from, (starts, D)."""
        draws = probe.noise(self.starts)
        chosen = draws.integers(0, len(visited)).to(visited.device)
        noise = draws.normal(visited.size(1)).to(visited)
        return visited[chosen] + self.noise * scale * noise

    def draw(self, axes: Axes, first: Arrays, last: Arrays) -> None:
        for trajectory in last["trajectories"]:
            axes.plot(*trajectory.T, color=GREY, linewidth=0.5)
        fixed = last["speed"] < self.fixed_below  # NaN is not
        stable = fixed & (np.abs(last["eigenvalues"][:, 0]) < 1)
        slow = ~fixed & np.isfinite(last["speed"])
        for chosen, face in ((stable, BLUE), (fixed & ~stable, "none")):
            axes.scatter(*last["plane"][chosen].T, s=25, zorder=3, edgecolors=BLUE, facecolors=face)
        axes.scatter(*last["plane"][slow].T, s=25, zorder=3, marker="x", color=ORANGE)
        counts = [int((arrays["speed"] < self.fixed_below).sum()) for arrays in (first, last)]
        title = f"fixed points: {counts[0]}, then {counts[1]} (filled: stable)"
        axes.set(title=title, xlabel="first component", ylabel="second component")


def _scale(visited: Tensor) -> float:
    """The standard deviation of states, (m, D): the root of its mean over dimensions; 1 where they do not vary."""
    scale = visited.var(dim=0, unbiased=False).mean().sqrt().item()
    return scale if scale > 0 else 1.0


def _distinct(found: Slowest, slow_below: float, distance: float) -> Slowest:
    """The minima below a speed, the slowest first, without those that are near to a slower one."""
    order = found.speed.argsort(stable=True)
    order = order[found.speed[order] < slow_below]
    states, kept = found.states[order], []
    near = torch.cdist(states, states).cpu() < distance
    for each in range(len(order)):
        if not near[each, kept].any():
            kept.append(each)
    return Slowest(states[kept], found.speed[order[kept]])


def _eigenvalues(jacobians: Tensor) -> Tensor:
    """Of each matrix, the largest modulus first; complex, (n, D)."""
    values = torch.linalg.eigvals(jacobians.cpu())
    return values.gather(1, values.abs().argsort(dim=1, descending=True))


def _plane(visited: Tensor) -> tuple[Tensor, Tensor]:
    """The mean of states, (m, D), and their first two principal components as columns, (D, 2)."""
    mean = visited.mean(dim=0)
    centred = (visited - mean).nan_to_num(0.0, 0.0, 0.0)  # of a network that has diverged
    _, directions = torch.linalg.eigh((centred.mT @ centred).cpu())
    plane = torch.zeros(
        visited.size(1), 2, dtype=visited.dtype
    )  # of one dimension, the second is 0
    first = directions.flip(1)[:, :2]
    plane[:, : first.size(1)] = first * _sign(first)
    return mean, plane.to(visited)


def _sign(directions: Tensor) -> Tensor:
    """Of each column, that which makes its largest entry positive: any other would do as well."""
    largest = directions.abs().argmax(dim=0, keepdim=True)
    return directions.gather(0, largest).sign()


def _padded(rows: Tensor, count: int) -> np.ndarray:
    """So many rows, those that are missing NaN."""
    rows = rows.cpu()
    padded = rows.new_full((count, *rows.shape[1:]), torch.nan)
    padded[: len(rows)] = rows
    return padded.numpy()
