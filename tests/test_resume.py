"""A run that was killed and resumed, against the same run left alone."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import torch

from rnnlab.result import Result
from tests.conftest import SMALL, Command, client
from tests.test_run import losses

LONG = ("train.steps=40", "train.block=2", "train.val_every=4", "train.batch_size=4", *SMALL)
DEEP = (
    *("cell=lstm", "cell.hidden_size=8", "model.num_layers=2", "model.dropout=0.3"),
    *("clip=norm", "clip.max_norm=0.1", "schedule=cosine", "tracking.log_model=false"),
)

# Ends the process as SIGKILL does, no `finally` run, once so many validations have been written.
KILLED = """
import os, sys
from pytorch_lightning.callbacks import ModelCheckpoint
from rnnlab.training import TrainingModule
import rnnlab.training
original = TrainingModule.training_step
def step(self, start):
    if start >= {at}:
        os.kill(os.getpid(), 9)
    return original(self, start)
TrainingModule.training_step = step
from rnnlab.run import main
main()
"""


def test_a_killed_run_goes_on_to_the_same_bits(command: Command, home: Path) -> None:
    assert command(*DEEP, *LONG, "hydra.run.dir=whole").status == 0
    cut = _cut(home)
    finished = command("resume=cut")
    assert finished.status == 0, finished.err
    result = Result.read(cut)
    assert result.status == "FINISHED"

    whole, resumed = losses(home / "whole"), losses(cut)
    assert sorted(set(resumed)) == sorted(whole)  # in hex; updates done twice are equal too
    last = [torch.load(home / f / "checkpoints" / "last.ckpt") for f in ("whole", "cut")]
    for name, weight in last[0]["state_dict"].items():
        assert torch.equal(weight, last[1]["state_dict"][name])

    (run,) = [r for r in client(home).search_runs(["1"]) if r.info.run_id == result.run_id]
    assert run.info.status == "FINISHED"
    history = client(home).get_metric_history(result.run_id, "train/loss")
    assert [metric.step for metric in history] == list(range(2, 41, 2))  # no gap, none doubled
    assert len(client(home).search_runs(["1"])) == 2


def _cut(home: Path) -> Path:
    """A run killed after 16 of 40 updates."""
    arguments = [sys.executable, "-c", KILLED.format(at=18), *DEEP, *LONG, "hydra.run.dir=cut"]
    killed = subprocess.run(arguments, cwd=home, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert Result.read(home / "cut").status == "RUNNING"
    return home / "cut"


def test_a_run_resumes_as_it_was_and_once(command: Command, home: Path) -> None:
    cut = _cut(home)
    before = (cut / "metrics.jsonl").read_text()
    for override, message in {
        "cell.hidden_size=9": "cell.hidden_size=9 cannot change on resume: the run has "
        "cell.hidden_size=8",
        "cell=gru": "cell=gru cannot change on resume: the run has cell=lstm",
        "train.steps=80": "train.steps=80 cannot change on resume",
    }.items():
        finished = command("resume=cut", override)
        assert finished.status == 2
        assert message in finished.err
    assert (cut / "metrics.jsonl").read_text() == before
    finished = command("resume=cut/checkpoints/best.ckpt")
    assert finished.status == 2
    assert "a run goes on from its last.ckpt" in finished.err
    finished = command(f"resume={'0' * 32}")
    assert finished.status == 2
    assert "no run of rnnlab has this id" in finished.err
    # Its id names the run too, and what it has may be said again.
    run_id = Result.read(cut).run_id
    again = command(f"resume='{run_id}'", "cell=lstm", "cell.hidden_size=8")
    assert again.status == 0, again.err
    finished = command("resume=cut/checkpoints/last.ckpt")
    assert finished.status == 2
    assert "has finished: there is nothing to resume" in finished.err


def _signalled(home: Path, number: signal.Signals) -> tuple[int, str]:
    """Start a run that would be long, send the signal after a checkpoint; its status and stderr."""
    endless = ("train.steps=1000000", "train.stop_when_solved=false", *LONG[1:])
    process = subprocess.Popen(
        [sys.executable, "-m", "rnnlab.run", *DEEP, *endless, "hydra.run.dir=a"],
        cwd=home,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        for _ in range(600):
            if (home / "a" / "checkpoints" / "last.ckpt").exists():
                break
            time.sleep(0.1)
        os.kill(process.pid, number)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    return process.returncode, err


def test_ctrl_c_ends_the_run_as_killed(home: Path) -> None:
    status, err = _signalled(home, signal.SIGINT)
    assert status == 130
    assert f"to go on: python -m rnnlab.run resume={home}/a" in err
    assert "stopped by SIGINT" in err
    assert "Traceback" not in err
    (run,) = client(home).search_runs(["1"])
    assert run.info.status == "KILLED"
    assert Result.read(home / "a").status == "KILLED"


def test_sigterm_ends_the_run_as_killed(home: Path) -> None:
    status, err = _signalled(home, signal.SIGTERM)
    assert status == 143
    assert "Traceback" not in err
    (run,) = client(home).search_runs(["1"])
    assert run.info.status == "KILLED"
