"""A run that was killed and resumed, against the same run left alone."""

import signal
import subprocess
import sys
from pathlib import Path

from rnnlab.tracking.result import Result
from tests.conftest import SMALL, Command

LONG = ("train.steps=40", "train.block=2", "train.val_every=4", "train.batch_size=4", *SMALL)
DEEP = (
    *("cell=lstm", "cell.hidden_size=8", "model.num_layers=2", "model.dropout=0.3"),
    *("clip=norm", "clip.max_norm=0.1", "schedule=cosine", "tracking.log_model=false"),
)

# Ends the process as SIGKILL does, no `finally` run, once so many validations have been written.
KILLED = """
import os, sys
from pytorch_lightning.callbacks import ModelCheckpoint
from rnnlab.training.module import TrainingModule
import rnnlab.training.module
original = TrainingModule.training_step
def step(self, start):
    if start >= {at}:
        os.kill(os.getpid(), 9)
    return original(self, start)
TrainingModule.training_step = step
from rnnlab.run import main
main()
"""


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
