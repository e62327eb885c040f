"""The figure of how the gradient fades with the lag."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from rnnlab.foundation.palette import GREY
from rnnlab.report.grid import Grid
from rnnlab.report.group import Group
from rnnlab.report.panels import Plot, Styles, finish, labelled, left_out, panels


def gradient_by_lag(grid: Grid, styles: Styles) -> Plot | None:
    """Of the tested models, and of the first weights."""
    places = [w for w in grid.places if any(r.gradient for g in grid.at(w) for r in g.finished)]
    if not places:
        return None
    figure, axes, shown = panels(places)
    for panel, place in zip(axes.flat, shown, strict=False):
        for group in grid.at(place):
            _draw(panel, group, styles, look=0)
            _draw(panel, group, styles, look=-1)
        panel.axhline(1e-3, color=GREY, linestyle=(0, (1, 3)), label="a thousandth of lag 0")
        panel.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        labelled(panel, place, "lag k (steps)", "‖∂L/∂h(T-k)‖ over lag 0", log=True)
    # Once all is drawn: a limit that is set holds for all panels, and ends their scaling.
    axes.flat[0].set_ylim(bottom=max(axes.flat[0].get_ylim()[0], 1e-12))
    finish(figure, axes, len(shown))
    return Plot(
        "gradient_by_lag",
        "Gradient by lag",
        "How much of the error signal of the last step reaches the hidden state k steps before, in the "
        "tested models: median over seeds, band from the lowest to the highest; pale, before "
        "training. The gradient horizon is the lag at which a curve falls under the dotted line; of "
        "one that does not fall under it within the T steps of its sequences, it is > T."
        + left_out(places, shown),
        figure,
    )


def _draw(axes: Axes, group: Group, styles: Styles, look: int) -> None:
    """The median of a group at a look, 0 for the first weights and -1 for the tested models."""
    # A run that diverged before its first checkpoint has no tested model.
    seen = [run for run in group.finished if look == 0 or "test/loss" in run.metrics]
    found = [run.gradient["h"][look] for run in seen if run.gradient]
    # Nothing is a fraction of a gradient that is zero, or has exploded.
    found = [norms for norms in found if norms[0] > 0 and np.isfinite(norms).all()]
    if not found:
        return
    steps = min(map(len, found))
    norms = np.array([n[:steps] / n[0] for n in found])
    median, line = np.median(norms, axis=0), styles.line(group.label)
    if look == 0:
        axes.plot(median, alpha=0.35, linewidth=1, **line)
        return
    axes.plot(median, label=group.label, linewidth=1.8, **line)
    ends = norms.min(axis=0), norms.max(axis=0)
    axes.fill_between(range(steps), *ends, color=line["color"], alpha=0.15, linewidth=0)
