"""The figures of a comparison. A variant has one colour, one dash and one marker in all of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rnnlab.foundation.palette import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION
from rnnlab.report.findings import by_share
from rnnlab.report.grid import Grid, Group, Place

COLORS = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, BLACK)
DASHES = ("-", "--", "-.", ":")
MARKERS = "osD^vPX*"
PANELS = 9  # at most in one figure
COLUMNS = 3


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
    columns = min(len(shown), COLUMNS)
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
            axes.plot(updates, median, label=group.label, **line)
            axes.fill_between(updates, low, high, color=line["color"], alpha=0.15, linewidth=0)


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
        _labelled(panel, place, "optimizer updates", "validation loss", log=True)
    _finish(figure, axes, len(shown))
    return Plot(
        "learning_curves",
        "Learning curves",
        "The median over seeds of the validation loss, and a band from the lowest to the highest. A "
        "run that stopped because the task was solved keeps its last value, and one that diverged "
        "is left out from there on. The dotted line is the loss of the best answer that ignores the "
        "inputs." + _left_out(grid.places, shown),
        figure,
    )


def gradient_by_lag(grid: Grid, styles: Styles) -> Plot | None:
    """Of the tested models, and of the first weights."""
    places = [w for w in grid.places if any(r.gradient for g in grid.at(w) for r in g.finished)]
    if not places:
        return None
    figure, axes, shown = panels(places)
    for panel, place in zip(axes.flat, shown, strict=False):
        for group in grid.at(place):
            for row, alpha in ((0, 0.35), (-1, 1.0)):
                # A run that diverged before its first checkpoint has no tested model.
                seen = [r for r in group.finished if row == 0 or "test/loss" in r.metrics]
                found = [run.gradient["h"][row] for run in seen if run.gradient]
                # Nothing is a fraction of a gradient that is zero, or has exploded.
                found = [norms for norms in found if norms[0] > 0 and np.isfinite(norms).all()]
                if not found:
                    continue
                steps = min(map(len, found))
                norms = np.array([n[:steps] / n[0] for n in found])
                line = styles.line(group.label)
                label = group.label if row else None
                median = np.median(norms, axis=0)
                panel.plot(
                    median, label=label, alpha=alpha, linewidth=1 if row == 0 else 1.8, **line
                )
                if row:
                    ends = norms.min(axis=0), norms.max(axis=0)
                    panel.fill_between(
                        range(steps), *ends, color=line["color"], alpha=0.15, linewidth=0
                    )
        panel.axhline(1e-3, color=GREY, linestyle=(0, (1, 3)), label="gradient horizon")
        _labelled(panel, place, "lag k (steps)", "‖∂L/∂h(T-k)‖ over lag 0", log=True)
    # Once all is drawn: a limit that is set holds for all panels, and ends their scaling.
    axes.flat[0].set_ylim(bottom=max(axes.flat[0].get_ylim()[0], 1e-12))
    _finish(figure, axes, len(shown))
    return Plot(
        "gradient_by_lag",
        "Gradient by lag",
        "How much of the error signal of the last step reaches the hidden state k steps before, in the "
        "tested models: median over seeds, band from the lowest to the highest; pale, before "
        "training. Under the dotted line less than a thousandth is left."
        + _left_out(places, shown),
        figure,
    )


def error_by_length(grid: Grid, styles: Styles) -> Plot | None:
    """Of models at lengths that they were not trained on."""
    places = [
        w
        for w in grid.places
        if any(k.startswith("length/") for g in grid.at(w) for r in g.finished for k in r.metrics)
    ]
    if not places:
        return None
    figure, axes, shown = panels(places)
    for panel, place in zip(axes.flat, shown, strict=False):
        groups = [group for group in grid.at(place) if group.finished]
        for group in groups:
            errors = _errors_by_length(group)
            if errors:
                lengths = sorted(errors)
                median = [100 * float(np.median(errors[n])) for n in lengths]
                low, high = ([100 * f(errors[n]) for n in lengths] for f in (min, max))
                style = styles.of[group.label]
                panel.plot(lengths, median, label=group.label, markersize=5, **style)
                panel.fill_between(
                    lengths, low, high, color=style["color"], alpha=0.15, linewidth=0
                )
        trained = groups[0].finished[0].trained_seq_len
        panel.axvline(trained, color=GREY, linestyle=(0, (1, 3)), label="trained length")
        _labelled(panel, place, "length of the test sequences (steps)", "wrong sequences (%)")
        panel.set_ylim(-3, 103)
    _finish(figure, axes, len(shown))
    return Plot(
        "error_by_length",
        "Error against length",
        "The trained models on sequences of other lengths: median over seeds, band from the lowest to "
        "the highest; the dotted line is the length that they were trained at."
        + _left_out(places, shown),
        figure,
    )


def _errors_by_length(group: Group) -> dict[int, list[float]]:
    errors: dict[int, list[float]] = {}
    for run in group.finished:
        for key, value in run.metrics.items():
            head, _, rest = key.partition("/")
            length, _, tail = rest.partition("/")
            if head == "length" and tail == "error":
                errors.setdefault(int(length), []).append(value)
        if "test/error" in run.metrics:
            errors.setdefault(run.trained_seq_len, []).append(run.metrics["test/error"])
    return errors if len(errors) > 1 else {}


def horizons(grid: Grid, styles: Styles) -> Plot | None:
    """The largest length solved, where lengths were compared."""
    tasks = [
        t
        for t in sorted({g.task for g in grid.groups})
        if grid.search_share or len({n for task, n in grid.places if task == t}) > 1
    ]
    if not tasks:
        return None
    height = 1.2 + 0.35 * len(grid.labels)
    figure = Figure(figsize=(8, height * len(tasks)), layout="constrained")
    for axes, task in zip(figure.subplots(len(tasks), squeeze=False).flat, tasks, strict=True):
        for place, label in enumerate(grid.labels):
            found = grid.horizon(label, task)
            if found is None:
                continue
            style = styles.of[label]
            axes.barh(place, found.length, color=style["color"], height=0.5)
            if found.beyond is None:
                axes.annotate(" or longer", (found.length, place), va="center")
            else:
                ends = [found.length, found.beyond.length]
                axes.plot(ends, [place, place], color=GREY, linewidth=1)
                axes.plot(ends[1], place, marker="|", color=GREY, markersize=12)
                if found.undecided:
                    axes.annotate("  undecided", (ends[1], place), va="center")
        axes.set_yticks(range(len(grid.labels)), list(map(escape_dollars, grid.labels)))
        axes.invert_yaxis()
        axes.margins(x=0.15)
        axes.set_xlim(left=0)
        axes.set(title=escape_dollars(task), xlabel="length (steps)")
    return Plot(
        "horizons",
        "Horizon",
        f"Bars end at the largest length that, with all shorter ones, {by_share(grid.share)} of the "
        "seeds solved; the thin line ends at the next length tried.",
        figure,
    )


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
        _labelled(norm, place, "", "gradient norm before clipping", log=True)
        draw_curves(fraction, grid.at(place), "grad/clip_fraction", styles, ends=False)
        _labelled(fraction, None, "optimizer updates", "clipped updates (fraction)")
        fraction.set_ylim(-0.03, 1.03)
    _finish(figure, axes, axes.size)
    return Plot(
        "clipping",
        "Gradient norm and clipping",
        "Above, the norm of the gradient of all parameters before clipping; below, the fraction of "
        "updates in which clipping changed it. Medians over the seeds still training, bands from the "
        "lowest to the highest." + _left_out(grid.places, places),
        figure,
    )


def heat_map(grid: Grid, styles: Styles) -> Plot | None:
    """Variants against tasks and lengths."""
    rates = np.full((len(grid.labels), len(grid.places)), np.nan)
    width = 2 + max(map(len, grid.labels)) * 0.09 + 1.1 * len(grid.places)
    figure = Figure(figsize=(max(width, 5), 1.6 + 0.4 * len(grid.labels)), layout="constrained")
    axes = figure.subplots()
    for i, label in enumerate(grid.labels):
        for j, place in enumerate(grid.places):
            group = grid.group(label, place)
            successes, trials = group.solved if group else (0, 0)
            if trials:
                rates[i, j] = successes / trials
            text, dark = (f"{successes}/{trials}", rates[i, j] < 0.5) if trials else ("-", False)
            axes.annotate(
                text, (j, i), ha="center", va="center", color="white" if dark else "black"
            )
    image = axes.imshow(rates, vmin=0, vmax=1, cmap="cividis", aspect="auto")
    figure.colorbar(image, label="solved (fraction of seeds)")
    axes.set_xticks(
        range(len(grid.places)),
        [f"{escape_dollars(task)}\n{length}" for task, length in grid.places],
    )
    axes.set_yticks(range(len(grid.labels)), list(map(escape_dollars, grid.labels)))
    axes.set(xlabel="task and length (steps)")
    return Plot(
        "solved",
        "Solved, by variant and length",
        "The fraction of seeds that solved each task at each length, and their number.",
        figure,
    )


def _labelled(axes: Axes, place: Place | None, x: str, y: str, log: bool = False) -> None:
    if place is not None:
        axes.set_title(f"{escape_dollars(place[0])} {place[1]}")
    axes.set(xlabel=x, ylabel=y)
    if log:
        axes.set_yscale("log")


def _finish(figure: Figure, axes: np.ndarray, shown: int) -> None:
    for spare in axes.flat[shown:]:
        spare.set_axis_off()
    legend(figure, list(axes.flat[:shown]))


def _left_out(places: Sequence[Place], shown: Sequence[Place]) -> str:
    left = len(places) - len(shown)
    return f" Shown are {len(shown)} of {len(places)} tasks and lengths." if left else ""


PLOTS: tuple[Callable[[Grid, Styles], Plot | None], ...] = (
    heat_map,
    learning_curves,
    gradient_by_lag,
    horizons,
    error_by_length,
    clipping,
)


def draw(grid: Grid) -> list[Plot]:
    """Every figure that these runs have numbers for."""
    styles = Styles(grid.labels)
    order = sorted(PLOTS, key=lambda make: make is not horizons) if grid.search_share else PLOTS
    plots = [plot for make in order if (plot := make(grid, styles)) is not None]
    for plot in plots:
        plot.figure.draw_without_rendering()  # lays it out, once for all formats
        plot.figure.set_layout_engine("none")
    return plots
