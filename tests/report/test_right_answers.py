"""Accuracy by length in a report. Oracle: runs by hand, whose chance is 0.2 at 50 steps and 0.25 at 100."""

import csv
import io

import matplotlib.pyplot as plt
import numpy as np
import pytest

from rnnlab.report.grid import make_grid
from rnnlab.report.length_plots import accuracy_by_length, error_by_length
from rnnlab.report.panels import Styles
from rnnlab.report.report import make_report
from tests.support.made_runs import run

RIGHT = {0: (0.6, 0.4), 1: (1.0, 0.7)}


def runs() -> list:
    return [
        run(
            seed=seed,
            test__accuracy=own,
            test__scaled_accuracy=(own - 0.2) / 0.8,
            length__100__error=0.5,
            length__100__accuracy=far,
            length__100__scaled_accuracy=(far - 0.25) / 0.75,
        )
        for seed, (own, far) in RIGHT.items()
    ]


def test_what_runs_say_of_chance_counts_where_all_are_right() -> None:
    """Of which their accuracies tell nothing: 0/0."""
    right = {"test__accuracy": 1.0, "test__scaled_accuracy": 1.0}
    for params, said in (({}, "-"), ({"chance_accuracy": "0.2"}, "0.2")):
        (table,) = [
            t for t in make_report([run(params=params, **right)]).tables if t[0] == "Accuracy"
        ]
        assert table[2][0][5] == said


def test_a_row_for_each_length() -> None:
    report = make_report(runs())
    ((_, header, rows),) = [table for table in report.tables if table[0] == "Accuracy"]
    assert [row[:4] for row in rows] == [
        ["gru", "adding", "50", "50"],
        ["gru", "adding", "50", "100"],
    ]
    assert header[4:] == ("right answers (95 %)", "by chance", "scaled accuracy (95 %)")
    assert [row[4].split()[0] for row in rows] == ["0.8", "0.55"]
    assert [row[5] for row in rows] == ["0.2", "0.25"]
    assert [float(row[6].split()[0]) for row in rows] == pytest.approx([0.75, 0.4])


def test_columns_of_the_csv() -> None:
    (numbers,) = csv.DictReader(io.StringIO(make_report(runs()).csv()))
    assert float(numbers["test_accuracy_mean"]) == pytest.approx(0.8)
    assert float(numbers["test_scaled_accuracy_mean"]) == pytest.approx(0.75)
    assert float(numbers["length/100/accuracy"]) == pytest.approx(0.55)
    assert float(numbers["length/100/scaled_accuracy"]) == pytest.approx(0.4)


def test_the_figure_has_the_medians_and_chance() -> None:
    grid = make_grid(runs())
    plot = accuracy_by_length(grid, Styles(grid.labels))
    assert plot is not None
    (axes,) = plot.figure.axes
    plt.close("all")
    drawn = {str(line.get_label()): np.asarray(line.get_xydata()).tolist() for line in axes.lines}
    assert drawn["gru"] == [pytest.approx([50, 80]), pytest.approx([100, 55])]
    assert drawn["chance"] == [pytest.approx([50, 20]), pytest.approx([100, 25])]


def test_runs_without_accuracy_have_neither() -> None:
    plain = [run(seed=s, length__100__error=0.5) for s in range(2)]
    grid = make_grid(plain)
    assert accuracy_by_length(grid, Styles(grid.labels)) is None
    assert error_by_length(grid, Styles(grid.labels)) is not None
    plt.close("all")
    assert "Accuracy" not in [title for title, _, _ in make_report(plain).tables]
