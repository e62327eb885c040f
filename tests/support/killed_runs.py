"""Runs that end as by SIGKILL at a moment that a test chooses."""

import signal
import subprocess
import sys
from pathlib import Path

from rnnlab.tracking.result import Result
from tests.support.command import SMALL

STEPS = ("train.steps=40", "train.block=2", "train.val_every=4", "train.batch_size=4", *SMALL)
DEEP = (
    *("cell=lstm", "cell.hidden_size=8", "model.num_layers=2", "model.dropout=0.3"),
    *("clip=norm", "clip.max_norm=0.1", "schedule=cosine", "tracking.log_model=false"),
)

# No `finally` runs: the process is gone at the block that begins with this update.
AT_UPDATE = """
import os, sys
from rnnlab.training.module import TrainingModule
at = int(sys.argv.pop(1))
original = TrainingModule.training_step
def step(self, start):
    if start >= at:
        os.kill(os.getpid(), 9)
    return original(self, start)
TrainingModule.training_step = step
from rnnlab.run import main
main()
"""

# The process is gone once a function, named as `module:owner.name`, has done its work.
AFTER_CALL = """
import importlib, os, signal, sys

main = importlib.import_module(sys.argv.pop(1)).main
module, _, dotted = sys.argv.pop(1).partition(":")
owner = importlib.import_module(module)
*path, name = dotted.split(".")
for part in path:
    owner = getattr(owner, part)
method = getattr(owner, name)

def killing(*arguments, **named):
    method(*arguments, **named)
    os.kill(os.getpid(), signal.SIGKILL)

setattr(owner, name, killing)
main()
"""


def killed_at_16_of_40(home: Path) -> Path:
    """The folder of a run of DEEP and STEPS that was killed after its fourth validation."""
    killed_at(home, 18, *DEEP, *STEPS, "hydra.run.dir=cut")
    assert Result.read(home / "cut").status == "RUNNING"
    return home / "cut"


def killed_at(home: Path, update: int, *arguments: str) -> None:
    """A run that is killed at the block that begins with this update."""
    _run_to_its_kill(home, AT_UPDATE, str(update), *arguments)


def killed_after(home: Path, call: str, *arguments: str, program: str = "rnnlab.run") -> None:
    """A run, or another program, that is killed as soon as `call` has returned."""
    _run_to_its_kill(home, AFTER_CALL, program, call, *arguments)


def _run_to_its_kill(home: Path, program: str, *arguments: str) -> None:
    done = subprocess.run([sys.executable, "-c", program, *arguments], cwd=home, check=False)
    assert done.returncode == -signal.SIGKILL
