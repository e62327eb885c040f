"""The same bits in any process, however many there are. Oracle: one run beside another."""

from pathlib import Path

import pytest
import torch

from tests.support.command import Command
from tests.support.faults import TRAIN, Faults
from tests.support.journals import distinct_points
from tests.support.killed_runs import killed_at
from tests.support.processes import HANG, Spawn
from tests.support.weights import same_weights

RUN = (*TRAIN, "train.steps=200", "train.stop_when_solved=false", "trainer=deterministic")


def same_run(first: Path, second: Path) -> bool:
    return same_weights(first, second) and distinct_points(first) == distinct_points(second)


@pytest.mark.parametrize(
    "cell", ["elman", *(pytest.param(c, marks=pytest.mark.slow) for c in ("lstm", "gru"))]
)
def test_across_processes_and_their_number(
    cell: str, command: Command, spawn: Spawn, home: Path, faults: Faults
) -> None:
    assert command(f"cell={cell}", *RUN, "hydra.run.dir=here").status == 0
    process = spawn(f"cell={cell}", *RUN, "hydra.run.dir=there")
    out, _ = process.communicate(timeout=HANG)
    assert process.returncode == 0, out
    assert same_run(home / "here", home / "there")
    for jobs in (1, 2):
        sweep = (f"hydra.sweep.dir=s{jobs}", f"hydra.launcher.n_jobs={jobs}")
        assert command("-m", f"cell={cell}", "seed=1,0", *RUN, *sweep).status == 0
        assert same_run(home / "here", home / f"s{jobs}" / "1")
    assert same_run(home / "s1" / "0", home / "s2" / "0")
    assert not same_run(home / "s1" / "0", home / "s1" / "1")
    faults("the same run elsewhere", made=4)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("cell", ["elman", "lstm", "gru"])
def test_on_a_device_twice(cell: str, command: Command, home: Path) -> None:
    for name in ("once", "again"):
        run = (f"cell={cell}", *RUN, "trainer.accelerator=gpu", f"hydra.run.dir={name}")
        assert command(*run).status == 0
    assert same_run(home / "once", home / "again")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("cell", ["elman", "lstm", "gru"])
def test_killed_on_a_device(cell: str, command: Command, home: Path, faults: Faults) -> None:
    run = (f"cell={cell}", *RUN, "trainer.accelerator=gpu")
    assert command(*run, "hydra.run.dir=whole").status == 0
    killed_at(home, 120, *run, "hydra.run.dir=killed")
    assert command("resume=killed").status == 0
    assert same_run(home / "killed", home / "whole")
    faults("SIGKILL in training on a GPU")
