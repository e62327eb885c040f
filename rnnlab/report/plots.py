"""The figures of a comparison. A variant has one colour, one dash and one marker in all of them."""

from collections.abc import Callable

import matplotlib as mpl

from rnnlab.foundation.palette import INK
from rnnlab.report.gradient_plot import gradient_by_lag
from rnnlab.report.grid import Grid
from rnnlab.report.length_plots import accuracy_by_length, error_by_length, horizons, solved
from rnnlab.report.panels import Plot, Styles
from rnnlab.report.training_plots import clipping, learning_curves

PLOTS: tuple[Callable[[Grid, Styles], Plot | None], ...] = (
    solved,
    horizons,
    gradient_by_lag,
    error_by_length,
    accuracy_by_length,
    learning_curves,
    clipping,
)
INKED = (
    *("text.color", "axes.labelcolor", "axes.edgecolor", "axes.titlecolor"),
    *("xtick.color", "ytick.color"),
)
LOOK = {
    **dict.fromkeys(INKED, INK),
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "legend.frameon": False,
}


def draw(grid: Grid) -> list[Plot]:
    """Every figure that these runs have numbers for; what is not a variant's is in INK, on nothing."""
    styles = Styles(grid.labels)
    order = PLOTS if grid.search_share is None else (horizons, *PLOTS)
    with mpl.rc_context(LOOK):
        plots = [plot for make in dict.fromkeys(order) if (plot := make(grid, styles)) is not None]
        for plot in plots:
            plot.figure.draw_without_rendering()  # lays it out, once for all formats
            plot.figure.set_layout_engine("none")
    return plots
