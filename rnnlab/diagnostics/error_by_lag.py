"""Where in a sequence the answers go wrong."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from matplotlib.axes import Axes

from rnnlab.diagnostics.diagnostic import Arrays, Diagnostic, Measurement
from rnnlab.diagnostics.probe import Probe
from rnnlab.foundation.checks import check_int
from rnnlab.foundation.palette import BLUE, GREY

DEFAULT = 200  # sequences


@dataclass(frozen=True)
class ErrorByLag(Diagnostic):
    """The fraction of wrong answers by the lag that they need, and by their position.

    The lag of a sequence is the number of steps from the earliest input that its answer needs to
    the last step: in the adding problem, from the first marked number. `error/shortest_lags` and
    `error/longest_lags` are the error rates of the quarter of the sequences with the shortest and
    the longest lags; a task whose lag never varies has none. Where a task asks for several answers,
    as the copied symbols, `error/first_position` and `error/last_position` are theirs.

    The arrays: `lag` (bins,), the mean lag of as many groups of sequences in the order of their
    lags, with `by_lag` (bins,); and `by_position` (positions,).

    Args:
        sequences: To take the fractions of; None: 200, or all of a validation split that has fewer.
        bins: Groups of neighbouring lags, or as many as there are sequences.

    Raises:
        ValueError: For fewer than 4 sequences, fewer than 1 bin, or more bins than sequences.
    """

    takes_lengths: ClassVar = True

    sequences: int | None = None
    bins: int = 10

    def __post_init__(self) -> None:
        if self.sequences is not None:
            check_int("sequences", self.sequences, minimum=4)
        check_int("bins", self.bins, minimum=1, maximum=self.sequences or DEFAULT)

    def measure(self, probe: Probe) -> Measurement:
        count = self.sequences or probe.at_most(DEFAULT)
        batch, task = probe.batch(count), probe.task
        with torch.no_grad():
            outputs, _ = probe.model(batch.inputs, **batch.answered)
        metrics: dict[str, float] = {}
        arrays: dict[str, np.ndarray] = {}
        lags = task.lags(batch)
        if lags is not None:
            order = lags.cpu().argsort(stable=True).numpy()
            wrong = task.errors(outputs, batch.targets).cpu().double().numpy()[order]
            quarter = max(1, count // 4)
            metrics["error/shortest_lags"] = wrong[:quarter].mean()
            metrics["error/longest_lags"] = wrong[-quarter:].mean()
            sorted_lags = lags.cpu().double().numpy()[order]
            arrays["lag"] = _group_means(sorted_lags, self.bins)
            arrays["by_lag"] = _group_means(wrong, self.bins)
        positions = task.position_errors(outputs, batch.targets)
        if positions is not None:
            arrays["by_position"] = by_position = positions.cpu().double().mean(dim=0).numpy()
            metrics["error/first_position"] = by_position[0]
            metrics["error/last_position"] = by_position[-1]
        return Measurement({name: float(value) for name, value in metrics.items()}, arrays)

    def draw(self, axes: Axes, first: Arrays, last: Arrays) -> None:
        for arrays, color in ((first, GREY), (last, BLUE)):
            if "by_lag" in arrays:
                axes.plot(arrays["lag"], 100 * arrays["by_lag"], ".-", color=color)
            if "by_position" in arrays:
                axes.plot(100 * arrays["by_position"], "x--", color=color)
        kinds = {"by_lag": "by lag", "by_position": "by position (dashed)"}
        title = " and ".join(word for kind, word in kinds.items() if kind in last)
        axes.set(title=f"error {title}", xlabel="steps", ylabel="wrong (%)")


def _group_means(values: np.ndarray, groups: int) -> np.ndarray:
    return np.array([g.mean() for g in np.array_split(values, min(groups, len(values)))])
