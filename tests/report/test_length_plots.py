"""Figures over lengths. Oracles: the estimates, whose own tests are test_crossing.py; runs by hand."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from rnnlab.foundation.palette import GREY
from rnnlab.report.grid import make_grid
from rnnlab.report.length_plots import accuracy_by_length, error_by_length, horizons
from rnnlab.report.panels import Styles
from rnnlab.report.rows import other_lengths_rows
from tests.support.made_runs import run

SOLVED = {"gru": {20: 5, 40: 5}, "elman": {20: 5, 40: 0}, "lstm": {20: 0, 40: 0}}


def drawn(search_share: float | None) -> tuple[Axes, str]:
    runs = [
        run(variant, length=length, seed=seed, solved_at=9 if seed < count else None)
        for variant, counts in SOLVED.items()
        for length, count in counts.items()
        for seed in range(5)
    ]
    grid = make_grid(runs, search_share)
    plot = horizons(grid, Styles(grid.labels))
    assert plot is not None
    (axes,) = plot.figure.axes
    plt.close("all")
    return axes, plot.caption


def bars(axes: Axes) -> list[float]:
    return [bar.get_width() for bar in axes.patches if isinstance(bar, Rectangle)]


def test_a_search_draws_estimates_and_their_intervals() -> None:
    axes, caption = drawn(search_share=0.5)
    assert bars(axes) == [28, 40, 0]  # elman, gru, lstm
    lines = [np.asarray(line.get_xdata()).tolist() for line in axes.lines]
    assert [line for line in lines if len(line) == 2] == [[20, 40], [40, 40], [0, 20]]
    assert [text.get_text().strip() for text in axes.texts] == ["or longer"]
    assert "the thin line is its 95 % interval" in caption


def test_another_sweep_draws_what_was_solved_and_what_was_tried_next() -> None:
    axes, caption = drawn(search_share=None)
    assert bars(axes) == [20, 40, 0]
    assert "at least half of the seeds solved" in caption


@pytest.mark.parametrize(("share", "words"), [(0.5, "half"), (0.8, "80 %")])
def test_the_caption_names_the_share(share: float, words: str) -> None:
    assert f"the length that {words} of the seeds solve" in drawn(share)[1]


def test_each_level_of_chance_has_a_line() -> None:
    """Of variants that differ in an option of the task: s = (a - c) / (1 - c) with c = 1/5 and 1/3."""
    runs = []
    for modulus, scaled in (("5", 0.5), ("3", 0.4)):
        at_own = {"test__accuracy": 0.6, "test__scaled_accuracy": scaled}
        further = {"length__100__accuracy": 0.6, "length__100__scaled_accuracy": scaled}
        runs += [
            run(f"gru{modulus}", seed=s, length__100__error=1.0, **at_own, **further)
            for s in range(2)
        ]
    grid = make_grid(runs)
    plot = accuracy_by_length(grid, Styles(grid.labels))
    assert plot is not None
    (axes,) = plot.figure.axes
    plt.close("all")
    grey = [np.asarray(line.get_xydata()) for line in axes.lines if line.get_color() == GREY]
    levels = [points for points in grey if np.ptp(points[:, 0])]  # and no line of a length
    np.testing.assert_allclose(levels, [[[50, c], [100, c]] for c in (100 / 3, 20)])


@pytest.mark.parametrize("shortest", [None, 20])
def test_lengths_that_were_trained_on_are_marked(shortest: int | None) -> None:
    params = {"train.min_seq_len": str(shortest)}
    runs = [run(seed=s, params=params, length__100__error=0.5) for s in range(2)]
    grid = make_grid(runs)
    plot = error_by_length(grid, Styles(grid.labels))
    assert plot is not None
    (axes,) = plot.figure.axes
    plt.close("all")
    ends = [np.asarray(line.get_xdata()).tolist() for line in axes.lines]
    trained = [[20, 20]] if shortest else []
    assert ends == [[50, 100], [50, 50], *trained]
    (row,) = other_lengths_rows(grid.groups[0])
    assert row[2] == ("50 (from 20 steps up)" if shortest else "50")
