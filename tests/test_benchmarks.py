"""What the benchmarks time can be made. Oracle: the config that a run's command composes."""

import importlib
from pathlib import Path

import pytest

from tests.support.configs import run_config

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"


@pytest.mark.parametrize("cell", ["elman", "gru", "lstm"])
@pytest.mark.parametrize("task", ["adding", "copy_memory"])
def test_a_case_is_a_run(cell: str, task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    case = importlib.import_module("benchmarks.case").Case(cell, task, 10, 4, 50)
    config = case.config("seed=3")
    length = "task.seq_len=50" if task == "adding" else "task.delay=30"
    expected = run_config(f"cell={cell}", "cell.hidden_size=10", f"task={task}", length, "seed=3")
    assert config.task == expected.task
    assert config.plain["cell"] == expected.plain["cell"]
    assert config.diagnostics == {}
