"""The figures of a benchmark: ratios to peers, and growth on two logarithmic axes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from benchmarks.growth import CELLS, RUNS, STEPS
from rnnlab.foundation.palette import BLUE, GREEN, GREY, ORANGE

NAMES = {"seq_len": "T (steps)", "hidden_size": "H (units)", "batch_size": "B (sequences)"}
LOOKS = dict(zip(CELLS, ((BLUE, "o"), (ORANGE, "s"), (GREEN, "D")), strict=True))


def draw_ratios(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """How many times a peer's update takes rnnlab's: medians, and the range over rounds."""
    figure = Figure(figsize=(9, 1.2 + 0.28 * len(rows)), layout="constrained")
    axes = figure.subplots()
    for place, row in enumerate(rows):
        low, high = row["range"]
        axes.plot([low, high], [place, place], color=GREY, linewidth=2)
        missed = row["target"] is not None and row["ratio"] < row["target"]
        axes.plot(row["ratio"], place, "X" if missed else "o", color=BLUE)
        if row["target"] is not None:
            axes.plot(row["target"], place, "|", color=ORANGE, markersize=14, markeredgewidth=2)
    axes.axvline(1, color=GREY, linestyle=":")
    axes.set_yticks(range(len(rows)), [f"{row['case']} against {row['peer']}" for row in rows])
    axes.invert_yaxis()
    marks = "bar: range; orange: target; X: missed"
    axes.set(xscale="log", xlabel=f"peer's time over rnnlab's\n({marks})")
    ticks = (0.5, 1, 2, 3, 4, 6, 8, 12)
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    figure.savefig(path, dpi=120)


def draw_growth(found: Mapping[str, Any], path: Path) -> None:
    """Microseconds a time step over T, milliseconds an update over H and B, seconds over runs."""
    figure = Figure(figsize=(13, 3.6), layout="constrained")
    panels = figure.subplots(1, len(STEPS) + 1)
    for axes, size in zip(panels, STEPS, strict=False):
        for cell in CELLS:
            color, marker = LOOKS[cell]
            times = {int(n): 1e3 * seconds for n, seconds in found[cell][size].items()}
            if size == "seq_len":
                times = {n: 1e3 * milliseconds / n for n, milliseconds in times.items()}
            axes.plot(
                list(times),
                list(times.values()),
                color=color,
                marker=marker,
                label=cell,
            )
        _logarithmic(axes, STEPS[size])
        unit = "us a time step" if size == "seq_len" else "ms an update"
        axes.set(xlabel=NAMES[size], ylabel=unit)
        axes.legend()
    for jobs, (color, marker) in zip((1, 2), LOOKS.values(), strict=False):
        times = found[f"runs, n_jobs={jobs}"]
        label = "1 process" if jobs == 1 else f"{jobs} processes"
        n = [int(runs) for runs in times]
        panels[-1].plot(n, list(times.values()), color=color, marker=marker, label=label)
    _logarithmic(panels[-1], RUNS)
    panels[-1].set(xlabel="runs of a sweep", ylabel="s in all")
    panels[-1].legend()
    figure.savefig(path, dpi=120)


def _logarithmic(axes: Axes, values: Sequence[int]) -> None:
    """Both axes, with numbers that can be read."""
    axes.set(xscale="log", yscale="log")
    axes.set_xticks(values, [str(value) for value in values])
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_locator(NullLocator())
