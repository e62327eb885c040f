"""What the benchmarks time can be made. Oracles: the config that a run's command composes, the pages' own
files, and the losses of rnnlab's training.
"""

import importlib
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.support.configs import run_config
from tests.support.pages import ROOT, files

SCRIPTS = ROOT / "scripts"
TASKS = ["adding", "copy_memory"]


@pytest.fixture
def benchmarks(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Its modules, by name."""
    monkeypatch.syspath_prepend(str(SCRIPTS))

    def named(name: str) -> Any:
        return importlib.import_module(f"benchmarks.{name}")

    return named


@pytest.mark.parametrize("cell", ["elman", "gru", "lstm"])
@pytest.mark.parametrize("task", TASKS)
def test_a_case_is_a_run(cell: str, task: str, benchmarks: Any) -> None:
    config = benchmarks("case").Case(cell, task, 10, 4, 50).config("seed=3")
    length = "task.seq_len=50" if task == "adding" else "task.delay=30"
    expected = run_config(f"cell={cell}", "cell.hidden_size=10", f"task={task}", length, "seed=3")
    assert config.task == expected.task
    assert config.plain["cell"] == expected.plain["cell"]
    assert config.diagnostics == {}


def test_a_cell_of_ones_own_is_that_of_the_page(benchmarks: Any) -> None:
    page = {k: v for k, v in files(ROOT / "rnnlab/cells/README.md").items() if "leaky" in k}
    folder = SCRIPTS / "benchmarks" / "own"
    assert {name: (folder / name).read_text("utf-8") for name in page} == page
    config = benchmarks("case").Case("leaky", "adding", 10, 4, 50).config()
    assert config.plain["allow_targets"] == ["leaky"]
    assert config.plain["cell"] == {"_target_": "leaky.LeakyCell", "hidden_size": 10, "leak": 0.5}
    (layer,) = config.model.make().layers
    assert Path(importlib.import_module(type(layer).__module__).__file__ or "").parent == folder


@pytest.mark.slow
def test_all_that_is_timed_can_be_trained(benchmarks: Any) -> None:
    for cell, sizes in benchmarks("targets").TARGETS:
        for task in TASKS:
            benchmarks("case").Case(cell, task, *sizes).config()


def test_a_target_that_is_missed_is_marked(benchmarks: Any) -> None:
    words_of = benchmarks("targets").words_of
    assert [words_of(1.8, ratio) for ratio in (1.79, 1.8)] == ["1.8 missed", "1.8"]
    assert words_of(None, 0.5) == ""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cell", "task"),
    [
        ("elman", "adding"),
        ("gru", "copy_memory"),
        ("lstm", "adding"),
        ("leaky", "adding"),
        ("leaky", "copy_memory"),
    ],
)
def test_peers_have_the_losses_of_a_run(cell: str, task: str, benchmarks: Any) -> None:
    """Which the benchmark compares before it times anything; all that a target names are there."""
    case = benchmarks("case").Case(cell, task, 8, 4, 25)
    choice = benchmarks("served_peers").Choice(jax=False, compiled=False, keep_freed_memory=False)
    try:
        timed = benchmarks("updates").time_updates(case, 1, choice)
    finally:
        torch.set_flush_denormal(False)  # which it has set for this process
    targets = benchmarks("targets").TARGETS
    named = {p for (c, _), peers in targets.items() if c == cell for p in peers if "JAX" not in p}
    assert named <= timed.peers.keys()
    for peer in timed.peers:
        assert timed.losses[peer] == pytest.approx(timed.losses["rnnlab"], rel=1e-3)
