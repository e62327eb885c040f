"""Figures of the training: losses, gradient norms and clipping over updates."""

from collections.abc import Sequence
from itertools import cycle

from matplotlib.figure import Figure

from rnnlab.foundation.palette import GREY
from rnnlab.report.grid import Grid
from rnnlab.report.group import Group
from rnnlab.report.panels import (
    COLUMNS,
    Plot,
    Styles,
    draw_curves,
    finish,
    labelled,
    left_out,
    panels,
    spread,
)
from rnnlab.tracking.result import of_loss

LEVELS = ("--", "-.", (0, (5, 1, 1, 1, 1, 1)))
"""Lines of the levels besides chance."""


def learning_curves(grid: Grid, styles: Styles) -> Plot | None:
    """Validation loss over updates."""
    if not any(run.curves.get("val/loss") is not None for g in grid.groups for run in g.finished):
        return None
    figure, axes, shown = panels(grid.places)
    for panel, place in zip(axes.flat, shown, strict=False):
        groups = grid.at(place)
        draw_curves(panel, groups, "val/loss", styles, ends=True)
        chance = next((group.chance for group in groups if group.chance is not None), None)
        if chance is not None:
            panel.axhline(chance, color=GREY, linestyle=(0, (1, 3)), label="chance")
        for (name, level), dashes in zip(_levels(groups).items(), cycle(LEVELS), strict=False):
            panel.axhline(level, color=GREY, linestyle=dashes, label=name)
        labelled(panel, place, "optimizer updates", "validation loss", log=True)
    finish(figure, axes, len(shown))
    return Plot(
        "learning_curves",
        "Learning curves",
        "The median over seeds of the validation loss, and a band from the lowest to the highest. A "
        "run that stopped because the task was solved keeps its last value, and one that diverged "
        "is left out from there on. The dotted line is the loss of the best answer that ignores the "
        "inputs; other grey lines are what the task names besides." + left_out(grid.places, shown),
        figure,
    )


def _levels(groups: Sequence[Group]) -> dict[str, float]:
    """Further levels of the loss, by name."""
    return of_loss(next((group.baselines for group in groups if group.baselines), {}))


def clipping(grid: Grid, styles: Styles) -> Plot | None:
    """How large gradients were, and how often they were clipped."""
    if not any("grad/norm" in run.curves for g in grid.groups for run in g.finished):
        return None
    places = spread(grid.places, COLUMNS)
    figure = Figure(figsize=(0.6 + 4 * len(places), 6.4), layout="constrained")
    axes = figure.subplots(2, len(places), squeeze=False, sharey="row")
    for column, place in enumerate(places):
        norm, fraction = axes[:, column]
        draw_curves(norm, grid.at(place), "grad/norm", styles, ends=False)
        labelled(norm, place, "", "gradient norm before clipping", log=True)
        draw_curves(fraction, grid.at(place), "grad/clip_fraction", styles, ends=False)
        labelled(fraction, None, "optimizer updates", "clipped updates (fraction)")
        fraction.set_ylim(-0.03, 1.03)
    finish(figure, axes, axes.size)
    return Plot(
        "clipping",
        "Gradient norm and clipping",
        "Above, the norm of the gradient of all parameters before clipping; below, the fraction of "
        "updates in which clipping changed it. Medians over the seeds still training, bands from the "
        "lowest to the highest." + left_out(grid.places, places),
        figure,
    )
