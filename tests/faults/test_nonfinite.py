"""A loss that is not finite. Oracle: the weights before it, and the store without an infinity."""

import math
from pathlib import Path

import torch

from rnnlab.foundation.run_folder import RunFolder
from rnnlab.tracking.result import Result
from rnnlab.training.checkpoints import load
from tests.support.command import Command, client
from tests.support.faults import SOAR, TRAIN, Faults, cost


def test_stop_ends_as_a_result(command: Command, home: Path, faults: Faults) -> None:
    finished = command(*SOAR, "hydra.run.dir=a")
    assert finished.status == 0, finished.err
    result = Result.read(home / "a")
    assert result.status == "FINISHED"
    assert result.metrics["diverged"] == 1
    step = result.metrics["diverged_step"]
    assert 50 < step <= 400
    for name in ("best.ckpt", "last.ckpt"):
        checkpoint = load(home / "a" / "checkpoints" / name)
        assert checkpoint["rnnlab"]["updates"] < step
        assert all(weight.isfinite().all() for weight in checkpoint["state_dict"].values())
    store = client(home)
    run = store.get_run(result.run_id)
    assert run.info.status == "FINISHED"
    for key in run.data.metrics:
        assert all(math.isfinite(m.value) for m in store.get_metric_history(result.run_id, key))
    faults("a loss that diverges", **cost(store, result.run_id, home / "a"))


def test_the_last_update_before_a_validation(command: Command, home: Path) -> None:
    """No training loss tells what it did, and the checkpoint that follows would hold it."""
    once = ("cell=elman", "cell.nonlinearity=relu", "optimizer=sgd", *TRAIN)
    once += ("train.steps=10", "train.val_every=5", "optimizer.lr=0")
    schedule = ("schedule=exponential", "schedule.gamma=1")
    assert command(*once, *schedule, "hydra.run.dir=calm").status == 0
    assert Result.read(home / "calm").metrics["diverged"] == 0
    wild = (*once, "optimizer.lr=1e30", "train.block=1", "train.val_every=1", "train.steps=1")
    assert command(*wild, "hydra.run.dir=wild").status == 0
    metrics = Result.read(home / "wild").metrics
    assert (metrics["diverged"], metrics["diverged_step"]) == (1, 1)
    assert not list((home / "wild" / "checkpoints").glob("*.ckpt"))
    raised = command(*wild, "train.nonfinite=raise", "hydra.run.dir=raised")
    assert raised.status == 1
    assert "DivergedError: what is left of update 1 is not finite" in raised.err


def test_raise_fails_the_run(command: Command, home: Path) -> None:
    finished = command(*SOAR, "train.nonfinite=raise", "hydra.run.dir=a")
    assert finished.status == 1
    assert Result.read(home / "a").status == "FAILED"
    assert "DivergedError: the loss of update" in RunFolder(home / "a").failure.read_text()


def test_skip_leaves_those_updates_out(command: Command, home: Path, faults: Faults) -> None:
    """Until the rate has grown too large it is the run that stops; then no weight moves."""
    assert command(*SOAR, "hydra.run.dir=stops").status == 0
    stops = Result.read(home / "stops")
    finished = command(*SOAR, "train.nonfinite=skip", "hydra.run.dir=skips")
    assert finished.status == 0, finished.err
    result = Result.read(home / "skips")
    assert result.metrics["diverged"] == 0
    history = client(home).get_metric_history(result.run_id, "train/skipped")
    skipped = {metric.step: metric.value for metric in history}
    first = min(step for step, count in skipped.items() if count)
    assert abs(first - stops.metrics["diverged_step"]) < 10
    assert sum(skipped.values()) == 400 - stops.metrics["diverged_step"] + 1
    last = load(home / "skips" / "checkpoints" / "last.ckpt")
    assert all(weight.isfinite().all() for weight in last["state_dict"].values())
    assert torch.isfinite(torch.tensor(result.metrics["val/loss"]))
    faults("updates that are skipped", **cost(client(home), result.run_id, home / "skips"))
