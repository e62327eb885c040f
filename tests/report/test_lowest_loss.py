"""What a report says of a task that names no rate at which it is solved. Oracles: runs made by hand."""

import csv
import io
from functools import partial

import numpy as np

from rnnlab.report.answer import answers
from rnnlab.report.digest import digest
from rnnlab.report.findings import findings
from rnnlab.report.grid import make_grid
from rnnlab.report.judged import LOSS, compared_by
from rnnlab.report.read_runs import Run
from rnnlab.report.report import make_report
from tests.support.made_runs import run

PARAMS = {"solved_below": "null", "chance": "2.3", "chance_error": "0.9"}


def labelled(
    variant: str, seed: int, loss: float | None, error: float = 0.5, **more: object
) -> Run:
    """A run on digits: without test/solved, and with one level more than chance."""
    made = partial(run, variant, "digits", 64, seed, loss, params=PARAMS)
    found = made(test__error=error, baseline__nearest=0.7, **more)  # pyrefly: ignore
    del found.metrics["test/solved"]  # pyrefly: ignore[unsupported-operation]
    if loss is None:
        del found.metrics["test/error"]  # pyrefly: ignore[unsupported-operation]
    return found


GRU = [labelled("gru", seed, 0.5 + seed / 100, 0.15) for seed in range(3)]
LSTM = [labelled("lstm", seed, 0.3 + seed / 100, 0.10) for seed in range(3)]


def test_the_answer_is_the_lowest_loss_beside_every_level() -> None:
    levels = "chance is 2.3, with 90 % wrong; other levels are nearest 0.7."
    gone = labelled("gru", 0, None, diverged=1.0)
    at_chance = [labelled("gru", 0, 2.31, 0.9), labelled("gru", 1, 2.29, 0.9)]
    for runs, said in (
        ([*GRU, *LSTM], "the lowest mean loss is lstm's, 0.31, with 10 % wrong; "),
        ([GRU[0], LSTM[0]], "the lowest loss is lstm's, 0.3, with 10 % wrong; "),
        (GRU[:1], "the loss of gru is 0.5, with 15 % wrong; "),
        ([*LSTM, gone], "the mean loss of lstm is 0.31, with 10 % wrong; "),
        (at_chance, "little or nothing was learnt, all losses are above 95 % of chance; "),
    ):
        end = " Diverged or not finished: gru (1 diverged)." if gone in runs else ""
        assert answers(make_grid(runs)) == [f"digits at 64: {said}{levels}{end}"]


def test_no_run_counts_as_unsolved() -> None:
    (group,) = make_grid(GRU).groups
    assert not group.has_criterion
    assert group.solved == (0, 0)
    assert group.median_steps is None
    assert group.is_solved(0.5) is None
    report = make_report([*GRU, *LSTM])
    text = " ".join(
        [report.markdown().partition("## Method")[0], report.html().partition("Method")[0]]
    )
    for word in ("unsolved", "solved (95", "0 of 3", "horizon"):
        assert word not in text.lower().replace("gradient horizon", "")
    assert "solved" not in [plot.name for plot in report.plots]


def test_the_table_has_errors_beside_their_level() -> None:
    report = make_report([*GRU, *LSTM])
    assert report.header[3:8] == [
        *("mean test loss (95 %)", "chance", "wrong sequences (95 %)", "wrong by chance"),
        "other levels",
    ]
    lstm, gru = report.rows
    assert lstm[0] == "lstm"  # of the lower loss
    assert lstm[3].startswith("0.31 [0.285")
    assert gru[4:8] == ["2.3", "0.15 [0.15, 0.15]", "0.9", "nearest 0.7"]
    assert "| 0.31 | 2.3    | 0.1   | 0.9       |" in digest(report.grid, report.findings)


def test_variants_are_told_apart_by_loss_alone() -> None:
    grid = make_grid([*GRU, *LSTM])
    assert compared_by(*grid.groups) == LOSS
    many = [
        labelled(v, s, base + s / 100)
        for v, base in (("gru", 0.5), ("lstm", 0.3))
        for s in range(6)
    ]
    (found,) = findings(make_grid(many))
    assert found.text.startswith(
        "lstm has a lower mean test loss than gru (permutation test, p = 0.0"
    )
    assert found.text.endswith(").")


def test_beside_a_task_that_is_solved() -> None:
    """Each task is answered in its own way, and the one table has a dash where there is nothing to say."""
    solved = [run("gru", seed=seed, loss=0.01, solved_at=500) for seed in range(2)]
    report = make_report([*solved, *GRU])
    assert [text.partition(" ")[0] for text in report.answers] == ["gru", "digits"]
    assert report.answers[0].startswith("gru solved adding at 50 in 2 of 2 seeds")
    rows = {row[1]: dict(zip(report.header, row, strict=True)) for row in report.rows}
    assert rows["digits"]["solved (95 %)"] == rows["digits"]["median steps to solve"] == "-"
    assert rows["adding"]["wrong by chance"] == rows["adding"]["other levels"] == "-"
    assert {plot.name for plot in report.plots} >= {"solved", "learning_curves"}


def test_numbers_for_others_to_use() -> None:
    """comparison.csv: the mean of the loss with its interval, the error, and what chance is of each."""
    (row,) = csv.DictReader(io.StringIO(make_report(LSTM).csv()))
    assert float(row["test_loss_mean"]) == sum(0.3 + s / 100 for s in range(3)) / 3
    assert float(row["test_loss_low"]) < 0.31 < float(row["test_loss_high"])
    assert float(row["test_error_mean"]) == sum([0.1] * 3) / 3
    assert (row["chance"], row["chance_error"]) == ("2.3", "0.9")
    assert row["test_loss_unsolved_mean"] == row["solved_low"] == row["median_steps_to_solve"] == ""
    assert (row["solved"], row["finished"]) == ("", "3")


def test_learning_curves_have_a_line_for_each_level_of_the_loss() -> None:
    (plot,) = [p for p in make_report(GRU).plots if p.name == "learning_curves"]
    labels = [line.get_label() for line in plot.figure.axes[0].lines]
    assert [label for label in labels if label in ("chance", "nearest")] == ["chance", "nearest"]
    (level,) = [line for line in plot.figure.axes[0].lines if line.get_label() == "nearest"]
    assert np.unique(level.get_ydata()) == [0.7]
