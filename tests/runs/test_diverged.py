"""Divergence is a result: the run ends as FINISHED, says so, and stores nothing infinite."""

import math
from pathlib import Path

from tests.support.command import QUICK, SMALL, Command, client, result_of

EXPLODE = ("cell=elman", "cell.nonlinearity=relu", "optimizer=sgd")


def test_before_the_first_checkpoint(command: Command, home: Path) -> None:
    finished = command(*EXPLODE, "optimizer.lr=1e30", *QUICK, *SMALL)
    assert finished.status == 0, finished.err
    (run,) = client(home).search_runs(["1"])
    assert run.info.status == "FINISHED"
    assert run.data.metrics["diverged"] == 1
    assert run.data.metrics["diverged_step"] == 2  # the first loss is of finite weights
    assert run.data.metrics["test/solved"] == 0
    assert "test/loss" not in run.data.metrics
    assert all(math.isfinite(value) for value in run.data.metrics.values())
    assert "diverged at 2" in finished.out
    assert "none: it diverged before the first" in finished.out


def test_after_a_checkpoint_the_best_is_tested(command: Command, home: Path) -> None:
    """A rate that grows a million times at every update: the first validation is still finite."""
    grow = ("optimizer.lr=1e-9", "schedule=exponential", "schedule.gamma=1e6")
    steps = ("train.steps=40", "train.block=1", "train.val_every=1", *QUICK[3:])
    finished = command(*EXPLODE, *grow, *steps, *SMALL)
    assert finished.status == 0, finished.err
    result = result_of(home)
    assert result.metrics["diverged"] == 1
    assert result.metrics["diverged_step"] > 1
    assert math.isfinite(result.metrics["test/loss"])
    assert Path(result.checkpoint).exists()


def test_a_sweep_counts_it_as_a_result(command: Command, home: Path) -> None:
    sweep = ("hydra.sweep.dir=outputs/sweep", "hydra/launcher=basic", "tracking.log_model=false")
    finished = command("-m", *EXPLODE, "optimizer.lr=1e30,1e-3", "seed=0", *sweep, *QUICK, *SMALL)
    assert finished.status == 0, finished.out
    assert "elman optimizer.lr=1e+30" in " ".join(finished.out.split())
