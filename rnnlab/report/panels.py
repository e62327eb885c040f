"""What the figures of a comparison have in common: panels, a legend, and the look of each variant."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rnnlab.foundation.palette import BLUE, GREEN, INK, ORANGE, PURPLE, SKY, VERMILION
from rnnlab.report.group import Group, Place

COLORS = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, INK)
DASHES = ("-", "--", "-.", ":")
MARKERS = "osD^vPX*"
PANELS = 9  # at most in one figure
COLUMNS = 3
APART = 0.1  # inches above and below a panel


@dataclass(frozen=True)
class Plot:
    """A figure and what stands under it."""

    name: str
    title: str
    caption: str
    figure: Figure


class Styles:
    """How each variant is drawn."""

    def __init__(self, labels: Sequence[str]) -> None:
        looks = zip(labels, cycle(COLORS), cycle(DASHES), cycle(MARKERS), strict=False)
        self.of: dict[str, dict[str, Any]] = {
            label: {"color": color, "linestyle": dash, "marker": marker}
            for label, color, dash, marker in looks
        }

    def line(self, label: str) -> dict[str, Any]:
        return {key: value for key, value in self.of[label].items() if key != "marker"}


def panels(places: Sequence[Place]) -> tuple[Figure, np.ndarray, Sequence[Place]]:
    """A figure with a panel for each task and length, as many as are legible."""
    shown = spread(places, PANELS)
    columns = 2 if len(shown) == 4 else min(len(shown), COLUMNS)
    down = -(-len(shown) // columns)
    figure = Figure(figsize=(0.6 + 4 * columns, 0.8 + 3 * down), layout="constrained")
    axes = figure.subplots(down, columns, squeeze=False, sharey=True)
    return figure, axes, shown


def spread(places: Sequence[Place], most: int) -> Sequence[Place]:
    """All of them, or as many as are legible: from the first to the last, evenly."""
    if len(places) <= most:
        return places
    return [places[i * (len(places) - 1) // (most - 1)] for i in range(most)]


def legend(figure: Figure, axes: Sequence[Axes]) -> None:
    """One for all panels, below them."""
    found: dict[str, Artist] = {}
    for panel in axes:
        found |= {
            label: handle for handle, label in zip(*panel.get_legend_handles_labels(), strict=True)
        }
    # About ten characters of a label and its line fit into an inch.
    longest = max(map(len, found), default=0) + 6
    columns = max(1, min(5, int(10 * figure.get_figwidth() / longest)))
    names = [escape_dollars(label) for label in found]
    figure.legend(found.values(), names, loc="outside lower center", ncols=columns)


def escape_dollars(label: str) -> str:
    """What a user typed, for matplotlib, which else would set what is between two $ as a formula."""
    return label.replace("$", r"\$")


def over_seeds(
    curves: Sequence[np.ndarray], keeps: Sequence[bool]
) -> tuple[np.ndarray, np.ndarray]:
    """Updates, and the lowest, median and highest value at each; rows of (3, updates).

    Args:
        curves: (points, 2) each, update and value.
        keeps: Whether a run that stopped early keeps its last value; or is left out from there on.
    """
    updates = np.unique(np.concatenate([curve[:, 0] for curve in curves]))
    values = np.array(
        [
            np.interp(updates, *curve.T, right=curve[-1, 1] if keep else np.nan)
            for curve, keep in zip(curves, keeps, strict=True)
        ]
    )
    summary = [np.nanmin(values, axis=0), np.nanmedian(values, axis=0), np.nanmax(values, axis=0)]
    return updates, np.array(summary)


def draw_curves(axes: Axes, groups: Sequence[Group], key: str, styles: Styles, ends: bool) -> None:
    """The median of a metric along training, over a band from the lowest to the highest seed."""
    for group in groups:
        runs = [run for run in group.finished if len(run.curves.get(key, ()))]
        if runs:
            updates, (low, median, high) = over_seeds(
                [run.curves[key] for run in runs], [ends and not run.diverged for run in runs]
            )
            line = styles.line(group.label)
            dot = "." if len(updates) == 1 else None  # one point makes no line
            axes.plot(updates, median, label=group.label, marker=dot, **line)
            axes.fill_between(updates, low, high, color=line["color"], alpha=0.15, linewidth=0)
    axes.set_xlim(left=0)


def labelled(axes: Axes, place: Place | None, x: str, y: str, log: bool = False) -> None:
    """Name a panel by its task and length, if it has one, and its axes."""
    if place is not None:
        axes.set_title(f"{escape_dollars(place[0])} {place[1]}")
    axes.set(xlabel=x, ylabel=y)
    if log:
        axes.set_yscale("log")


def finish(figure: Figure, axes: np.ndarray, shown: int) -> None:
    """Hide the panels that are not used, name what a row shares once, and add the legend."""
    figure.set_layout_engine("constrained", h_pad=APART)
    for panel in axes[:, 1:].flat:
        panel.set_ylabel("")
    for spare in axes.flat[shown:]:
        spare.set_axis_off()
    legend(figure, list(axes.flat[:shown]))


def left_out(places: Sequence[Place], shown: Sequence[Place]) -> str:
    """For a caption: how many of the places a figure shows, unless all."""
    left = len(places) - len(shown)
    return f" Shown are {len(shown)} of {len(places)} tasks and lengths." if left else ""
