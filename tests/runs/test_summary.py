"""What a run prints as it ends, at 80 columns."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from rnnlab.runs.summary import summary
from rnnlab.tracking.result import Result
from tests.support.screens import Terminal

MADE = Result(
    name="elman_clipped · temporal_order 1000 · s12",
    variant="elman_clipped",
    task="temporal_order",
    length=1000,
    seed=12,
    chance=1 / 6,
    overrides=[],
    folder="",
    run_id="0123456789abcdef" * 2,
    experiment_id="12",
    metrics={
        "test/loss": 0.0012345,
        "test/loss_over_chance": 0.00714,
        "test/error": 0.0123,
        "test/solved": 1.0,
        "steps_to_solve": 12300.0,
        "diverged": 1.0,
        "diverged_step": 14000.0,
        "length/2000/error": 0.25,
    },
)


def test_a_task_without_a_rate_is_neither_solved_nor_unsolved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its levels stand below: of the loss, of the error, and what the task names besides."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "140")
    monkeypatch.setattr(sys, "stdout", Terminal())
    kept = ("test/loss", "test/loss_over_chance", "test/error")
    metrics = {key: MADE.metrics[key] for key in kept} | {"diverged": 0.0}
    levels = {"chance_error": 0.9, "baselines": {"nearest": 0.7, "error/nearest": 0.05}}
    made = replace(MADE, metrics=metrics, chance=2.3, folder=str(tmp_path), **levels)
    lines = summary(made).splitlines()
    assert "solve" not in " ".join(lines[1:4])
    assert lines[4:7] == ["chance 2.3, error 90.00%", "nearest 0.7", "error/nearest 0.05"]
    assert made.verdict() == "loss 0.00123, chance 2.3"
    assert made.levels == {"chance": 2.3, "nearest": 0.7}
    made.metrics |= {"diverged": 1.0, "diverged_step": 14.0}
    assert made.verdict() == "loss 0.00123, chance 2.3, diverged at 14"
    assert "diverged at 14" in summary(made)


def test_a_level_of_another_figure_has_the_runs_own_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(sys, "stdout", Terminal())
    levels = {"bits/unigram": 4.6, "bits/gzip": 1.973, "error/nearest": 0.05, "nearest": 0.7}
    made = replace(MADE, metrics=MADE.metrics | {"test/bits": 1.7812}, baselines=levels)
    _, head, _, row, *below = summary(replace(made, folder=str(tmp_path))).splitlines()
    names, values = ([cell.strip() for cell in line.split("|")] for line in (head, row))
    assert values[names.index("test bits")] == "1.781"
    assert sum(name.startswith("test ") for name in names) == 3  # and those of every run
    assert "bits/gzip 1.973" in below


@pytest.mark.parametrize("width", [80, 140])
def test_nothing_wraps(width: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """But for the pages' addresses, which have an id and a query."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr(sys, "stdout", Terminal())
    MADE.folder = str(tmp_path / "outputs" / "runs" / "2026-01-01" / "12-00-00-123456")
    MADE.checkpoint = f"{MADE.folder}/checkpoints/best.ckpt"
    MADE.tracking_uri = f"sqlite:///{tmp_path}/mlflow.db"
    lines = summary(MADE).splitlines()
    pages = [line for line in lines if line.startswith("http")]
    assert len(pages) == 2
    assert not [line for line in lines if len(line) > width and line not in pages]
    assert (lines[1].startswith("| cell ")) == (width == 140)
    if width == 80:
        assert lines[1] == "cell            elman_clipped"
        assert "solved          yes (diverged at 14000)" in lines
    assert "checkpoint  outputs/runs/2026-01-01/12-00-00-123456/checkpoints/best.ckpt" in lines
