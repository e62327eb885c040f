"""Figures of one run, from its journal."""

from collections.abc import Iterable, Mapping
from itertools import cycle
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from rnnlab.foundation.drawing import plain_titles, png
from rnnlab.foundation.files import write_bytes
from rnnlab.foundation.palette import BLUE, GREY, ORANGE
from rnnlab.foundation.run_folder import RunFolder
from rnnlab.tracking.journal import Point

DASHES = ("--", ":", "-.")  # of chance, and of the levels after it


def write_learning_curve(
    folder: Path, points: Iterable[Point], levels: Mapping[str, float], title: str
) -> None:
    """Training and validation loss over updates beside chance, as `figures/learning_curve.png`.

    Args:
        folder: The run's.
        points: Of its metrics.
        levels: Of the loss, by name: chance first.
        title: Of the figure.

    Raises:
        OSError: As the disk says.
    """
    curves: dict[str, dict[int, float]] = {"train/loss": {}, "val/loss": {}}
    for point in points:
        if point.key in curves:
            curves[point.key][point.step] = point.value
    figure = Figure(figsize=(7, 4))
    # A layout that is measured, and a legend that looks for room, take twice as long as the rest.
    figure.subplots_adjust(left=0.16, right=0.97, bottom=0.13, top=0.91)
    axes = figure.subplots()
    for (name, level), dashes in zip(levels.items(), cycle(DASHES), strict=False):
        axes.axhline(level, color=GREY, linestyle=dashes, label=f"{name} {level:.3g}")
    for (name, curve), color in zip(curves.items(), (BLUE, ORANGE), strict=True):
        axes.plot(list(curve), list(curve.values()), color=color, label=name)
    with plain_titles():
        axes.set(title=title, xlabel="optimizer updates", ylabel="loss", yscale="log")
    # Numbers read easier than powers of ten, and are drawn in half the time.
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_locator(NullLocator())
    axes.legend(loc="upper right")
    path = RunFolder(folder).learning_curve
    path.parent.mkdir(exist_ok=True)
    write_bytes(path, png(figure, dpi=120))
