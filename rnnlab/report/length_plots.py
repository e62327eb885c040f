"""Figures of what was solved, by variant and length."""

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from rnnlab.foundation.crossing import Crossing
from rnnlab.foundation.palette import GREY, INK
from rnnlab.report.grid import Grid, Horizon
from rnnlab.report.group import Group
from rnnlab.report.panels import (
    APART,
    Plot,
    Styles,
    escape_dollars,
    finish,
    labelled,
    left_out,
    panels,
)
from rnnlab.report.right_answers import by_chance, lengths_of
from rnnlab.report.wording import share_of

DARK, LIGHT = "#111111", "#ffffff"  # on the colours of the heat map, whatever the page's


def solved(grid: Grid, styles: Styles) -> Plot | None:
    """Variants against tasks and lengths, as a heat map; of tasks that say when they are solved."""
    places = [place for place in grid.places if grid.has_criterion(place[0])]
    if not places:
        return None
    rates = np.full((len(grid.labels), len(places)), np.nan)
    width = 2 + max(map(len, grid.labels)) * 0.09 + 1.25 * len(places)
    figure = Figure(figsize=(max(width, 5), 1.6 + 0.4 * len(grid.labels)), layout="constrained")
    axes = figure.subplots()
    for i, label in enumerate(grid.labels):
        for j, place in enumerate(places):
            group = grid.group(label, place)
            successes, trials = group.solved if group else (0, 0)
            text, color = "-", INK
            if trials:
                rates[i, j] = successes / trials
                text, color = f"{successes}/{trials}", DARK if rates[i, j] > 0.5 else LIGHT
            axes.annotate(text, (j, i), ha="center", va="center", color=color)
    image = axes.imshow(rates, vmin=0, vmax=1, cmap="cividis", aspect="auto")
    figure.colorbar(image, label="solved (fraction of seeds)")
    names = [f"{escape_dollars(task)}\n{length}" for task, length in places]
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(grid.labels)), list(map(escape_dollars, grid.labels)))
    axes.set(xlabel="task and length (steps)")
    return Plot(
        "solved",
        "Solved, by variant and length",
        "The fraction of seeds that solved each task at each length, and their number.",
        figure,
    )


def horizons(grid: Grid, styles: Styles) -> Plot | None:
    """What a search estimates; else the largest length solved, where lengths were compared."""
    searched = grid.search_share is not None
    tasks = [task for task in grid.tasks if searched or len(grid.lengths(task)) > 1]
    tasks = [task for task in tasks if grid.has_criterion(task)]
    if not tasks:
        return None
    height = 1.2 + 0.35 * len(grid.labels)
    figure = Figure(figsize=(8, height * len(tasks)))
    for axes, task in zip(figure.subplots(len(tasks), squeeze=False).flat, tasks, strict=True):
        for place, label in enumerate(grid.labels):
            color = styles.of[label]["color"]
            if searched and (estimate := grid.estimate(label, task)):
                _draw_estimate(axes, place, estimate, max(grid.lengths(task)), color)
            elif not searched and (found := grid.horizon(label, task)):
                _draw_horizon(axes, place, found, color)
        axes.set_yticks(range(len(grid.labels)), list(map(escape_dollars, grid.labels)))
        axes.invert_yaxis()
        axes.margins(x=0.15)
        axes.set_xlim(left=0)
        axes.set(title=escape_dollars(task), xlabel="length (steps)")
    figure.set_layout_engine("constrained", h_pad=APART)
    share = share_of(grid.share)
    caption = (
        f"Bars end at the length that {share} of the seeds solve, an estimate from all lengths tried; "
        "the thin line is its 95 % interval."
        if searched
        else f"Bars end at the largest length that, with all shorter ones, at least {share} of the "
        "seeds solved; the thin line ends at the next length tried."
    )
    return Plot("horizons", "Horizon", caption, figure)


def _draw_estimate(axes: Axes, place: int, found: Crossing, longest: int, color: str) -> None:
    axes.barh(place, found.estimate, color=color, height=0.5)
    low, high = found.interval
    end = longest if high is None else high
    axes.plot([low, end], [place, place], color=GREY, linewidth=1)
    axes.plot([low], [place], marker="|", color=GREY, markersize=12)
    if high is None:
        axes.annotate(" or longer", (end, place), va="center")
    else:
        axes.plot([end], [place], marker="|", color=GREY, markersize=12)


def _draw_horizon(axes: Axes, place: int, found: Horizon, color: str) -> None:
    axes.barh(place, found.length, color=color, height=0.5)
    if found.beyond is None:
        axes.annotate(" or longer", (found.length, place), va="center")
        return
    ends = [found.length, found.beyond.length]
    axes.plot(ends, [place, place], color=GREY, linewidth=1)
    axes.plot(ends[1], place, marker="|", color=GREY, markersize=12)
    if found.undecided:
        axes.annotate("  undecided", (ends[1], place), va="center")


def error_by_length(grid: Grid, styles: Styles) -> Plot | None:
    """Of models at lengths that they were not trained on."""
    drawn = _by_length(grid, styles, _errors_by_length, "wrong sequences (%)")
    if drawn is None:
        return None
    figure, left = drawn
    return Plot("error_by_length", "Error against length", f"{BY_LENGTH}{left}", figure)


def accuracy_by_length(grid: Grid, styles: Styles) -> Plot | None:
    """The same of the answers that are right, where answers are classes."""
    drawn = _by_length(grid, styles, _accuracies_by_length, "right answers (%)", _draw_chances)
    if drawn is None:
        return None
    figure, left = drawn
    caption = f"{BY_LENGTH} Grey: the accuracy of the best answer that ignores the inputs.{left}"
    return Plot("accuracy_by_length", "Accuracy against length", caption, figure)


BY_LENGTH = (
    "The trained models on sequences of other lengths: median over seeds, band from the lowest to "
    "the highest. Dotted lines: the length that they were trained at and, where batches had a "
    "length each, the shortest of these."
)


def _by_length(
    grid: Grid,
    styles: Styles,
    measured: Callable[[Group], dict[int, list[float]]],
    name: str,
    draw_level: Callable[[Axes, Sequence[Group]], None] = lambda panel, groups: None,
) -> tuple[Figure, str] | None:
    """The figure, and which places are left out of it; None where nothing is measured."""
    places = [place for place in grid.places if any(map(measured, grid.at(place)))]
    if not places:
        return None
    figure, axes, shown = panels(places)
    for panel, place in zip(axes.flat, shown, strict=False):
        groups = [group for group in grid.at(place) if group.finished]
        for group in groups:
            _draw_by_length(panel, group, measured(group), styles)
        draw_level(panel, groups)
        trained = groups[0].finished[0].trained_seq_len
        panel.axvline(trained, color=GREY, linestyle=(0, (1, 3)), label="trained length")
        for shortest in {group.min_seq_len for group in groups} - {None}:
            panel.axvline(shortest, color=GREY, linestyle=(0, (1, 3)))
        labelled(panel, place, "length of the test sequences (steps)", name)
        panel.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        panel.set_ylim(-3, 103)
    finish(figure, axes, len(shown))
    return figure, left_out(places, shown)


def _draw_by_length(
    panel: Axes, group: Group, measured: dict[int, list[float]], styles: Styles
) -> None:
    if not measured:
        return
    lengths = sorted(measured)
    median = [100 * float(np.median(measured[n])) for n in lengths]
    low, high = ([100 * f(measured[n]) for n in lengths] for f in (min, max))
    style = styles.of[group.label]
    panel.plot(lengths, median, label=group.label, markersize=5, **style)
    panel.fill_between(lengths, low, high, color=style["color"], alpha=0.15, linewidth=0)


def _draw_chances(panel: Axes, groups: Sequence[Group]) -> None:
    """A line for each level: variants that differ in an option of the task may have different ones."""
    levels = dict.fromkeys(map(_chances, groups))
    for number, level in enumerate(level for level in levels if level):
        panel.plot(*zip(*level, strict=True), color=GREY, label=None if number else "chance")


def _chances(group: Group) -> tuple[tuple[int, float], ...]:
    """Each length that is tested, and the accuracy of chance there in percent."""
    told = [(length, by_chance(group, length)) for length in sorted(lengths_of(group))]
    return tuple((length, round(100 * chance, 6)) for length, chance in told if chance is not None)


def _errors_by_length(group: Group) -> dict[int, list[float]]:
    """Of each length that the models were tested at, their own included; empty if that is all."""
    return _measured_by_length(group, "error")


def _accuracies_by_length(group: Group) -> dict[int, list[float]]:
    return _measured_by_length(group, "accuracy")


def _measured_by_length(group: Group, measure: str) -> dict[int, list[float]]:
    found = {length: group.values_at(length, measure) for length in group.other_lengths}
    found = {length: values for length, values in found.items() if values}
    if found:
        for run in group.finished:
            if f"test/{measure}" in run.metrics:
                found.setdefault(run.trained_seq_len, []).append(run.metrics[f"test/{measure}"])
    return found
