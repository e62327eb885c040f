"""Ctrl-C, SIGTERM, a terminal that closes, Slurm's SIGUSR1. Oracle: the run that was left alone."""

import os
import shlex
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rnnlab.foundation.run_folder import RunFolder
from rnnlab.tracking.lifecycle import TrackedRun
from rnnlab.tracking.result import Result
from rnnlab.training import checkpoints
from rnnlab.training.checkpoints import load
from tests.support.command import Command, client
from tests.support.faults import TRAIN, Faults, cost
from tests.support.journals import count_lines, distinct_points
from tests.support.processes import HANG, Spawn, end, left_behind, start_python, wait_for

# One validation in all, so that no checkpoint is written but by the signal.
LONG = (
    *("cell=lstm", "model.num_layers=2", "model.dropout=0.3", "clip=norm", "schedule=cosine"),
    *(*TRAIN, "train.steps=1500", "train.val_every=1500", "train.stop_when_solved=false"),
)


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 2))]
)
def test_a_checkpoint_of_the_block_that_was_running(
    number: int, command: Command, spawn: Spawn, home: Path, faults: Faults
) -> None:
    """Neither of the next validation, for which it does not wait, nor of the one before."""
    assert command(*LONG, "hydra.run.dir=whole").status == 0
    cut = home / "cut"
    process = spawn(*LONG, "hydra.run.dir=cut")
    wait_for(lambda: count_lines(cut) > 300)
    process.send_signal(number)
    out, _ = process.communicate(timeout=HANG)
    assert process.returncode == 128 + number
    assert "to go on: python -m rnnlab.run resume=cut" in out
    assert "Traceback" not in out
    result = Result.read(cut)
    assert result.status == "KILLED"
    assert client(home).get_run(result.run_id).info.status == "KILLED"
    updates = load(cut / "checkpoints" / "last.ckpt")["rnnlab"]["updates"]
    newest = max(step for key, step in distinct_points(cut) if key == "train/loss")
    assert newest < 1500  # where the first validation would be
    # The block that the signal met began where the newest points are, or it had just written them.
    assert updates in (newest - 5, newest)

    assert command("resume=cut").status == 0
    assert distinct_points(cut) == distinct_points(home / "whole")
    assert client(home).get_run(result.run_id).info.status == "FINISHED"
    faults(f"{signal.Signals(number).name} in training", **cost(client(home), result.run_id, cut))


def test_the_printed_command_can_be_typed(spawn: Spawn, home: Path) -> None:
    """A folder from the environment, with what Hydra and a shell read as something else."""
    endless = (*LONG, "train.steps=100000", "train.val_every=100000")
    for lab, place in (("LAB", "my lab's, 2026"), ("LAB_SECRET", "sesame-9")):
        process = spawn(*endless, f"hydra.run.dir='${{oc.env:{lab}}}/a'", **{lab: place})
        wait_for(lambda place=place: count_lines(home / place / "a") > 20)
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=HANG)
        _, found, command = out.partition("to go on: ")
        assert found, out
        if lab == "LAB":
            words = shlex.split(command.splitlines()[0])
            assert words[:3] == ["python", "-m", "rnnlab.run"]
            again = spawn(*words[3:], "task.seq_len=11")
            said, _ = again.communicate(timeout=HANG)
            assert "the run has task.seq_len=10" in said  # it has been found
        else:
            assert place not in out
            assert command.splitlines()[0] == "the same command with resume=auto"


@pytest.mark.parametrize("to", [os.kill, os.killpg], ids=["it", "all"])  # a terminal's goes to all
def test_a_sweep_stops_its_jobs_in_the_same_manner(
    to: Callable[[int, int], None], spawn: Spawn, home: Path, faults: Faults
) -> None:
    sweep = ("-m", "seed=0,1,2", *LONG[1:], "hydra.sweep.dir=s")
    process = spawn(*sweep, "train.steps=100000", "train.val_every=100000")
    jobs = [home / "s" / name for name in ("0", "1")]
    wait_for(lambda: all(count_lines(job) > 50 for job in jobs))
    to(process.pid, signal.SIGINT)
    out, _ = process.communicate(timeout=HANG)
    assert process.returncode == 130
    assert "Traceback" not in out
    assert "hydra.sweep.dir=s resume=auto" in out
    assert not left_behind(process.pid)
    for job in jobs:
        result = Result.read(job)
        assert result.status == "KILLED"
        assert load(job / "checkpoints" / "last.ckpt")["rnnlab"]["updates"] > 0
        faults("Ctrl-C of a sweep", **cost(client(home), result.run_id, job))
    runs = client(home).search_runs(["1"])
    assert {run.info.status for run in runs} == {"KILLED"}


@pytest.mark.parametrize("moment", ["once it is written down", "as a checkpoint is written"])
def test_a_signal_between(
    moment: str, command: Command, home: Path, monkeypatch: pytest.MonkeyPatch, faults: Faults
) -> None:
    whole, cut = ((*TRAIN, "train.steps=150", f"hydra.run.dir={to}") for to in ("whole", "cut"))
    assert command(*whole).status == 0
    write, owner = {
        "once it is written down": (TrackedRun.write_down, (TrackedRun, "write_down")),
        "as a checkpoint is written": (checkpoints.write_bytes, (checkpoints, "write_bytes")),
    }[moment]

    def signalled(first: Any, *others: Any, **named: Any) -> None:
        if owner[0] is TrackedRun:
            write(first, *others, **named)
        if first != RunFolder(home / "cut").best:
            os.kill(os.getpid(), signal.SIGTERM)
        if owner[0] is not TrackedRun:
            write(first, *others, **named)

    with monkeypatch.context() as patched:
        patched.setattr(*owner, signalled)
        assert command(*cut).status == 143
    assert Result.read(home / "cut").status == "KILLED"
    last = RunFolder(home / "cut").last
    assert last.exists() == (moment == "as a checkpoint is written")
    assert not last.exists() or load(last)["rnnlab"]["updates"] == 50
    assert command("resume=cut").status == 0
    assert distinct_points(home / "cut") == distinct_points(home / "whole")
    result = Result.read(home / "cut")
    faults(f"SIGTERM {moment}", **cost(client(home), result.run_id, home / "cut"))


SLOW = """
import time
from rnnlab.training.checkpoint_on_stop import CheckpointOnStop
def stuck(*_):
    print("stuck", flush=True)
    time.sleep(600)
    print("woken", flush=True)
CheckpointOnStop.on_exception = stuck
from rnnlab.run import main
main()
"""


def test_a_second_ctrl_c_ends_at_once(home: Path, faults: Faults) -> None:
    process = start_python(home, "-c", SLOW, *LONG, "train.steps=30000", "hydra.run.dir=a")
    assert process.stdout is not None
    try:
        wait_for(lambda: count_lines(home / "a") > 20)
        process.send_signal(signal.SIGINT)
        assert any("stuck" in line for line in process.stdout)  # reads up to that line
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=HANG)
        assert process.returncode == 130
        assert "woken" not in out  # it was not waited for
    finally:
        end(process)
    faults("a second Ctrl-C")


def test_slurm_gets_the_job_back(
    spawn: Spawn, command: Command, home: Path, faults: Faults
) -> None:
    """A `scontrol` that writes down what it is asked: there is no Slurm on this machine."""
    tools = home / "bin"
    tools.mkdir()
    scontrol = tools / "scontrol"
    scontrol.write_text(f'#!/bin/sh\necho "$@" > {home}/asked\n')
    scontrol.chmod(0o755)
    slurm = {"SLURM_JOB_ID": "7", "PATH": f"{tools}:{os.environ['PATH']}"}
    process = spawn(*LONG, "hydra.run.dir=a", "resume=auto", **slurm)
    wait_for(lambda: count_lines(home / "a") > 100)
    process.send_signal(signal.SIGUSR1)
    out, _ = process.communicate(timeout=HANG)
    assert process.returncode == 128 + signal.SIGUSR1, out
    assert (home / "asked").read_text() == "requeue 7\n"
    again = command(*LONG, "hydra.run.dir=a", "resume=auto")
    assert again.status == 0, again.err
    result = Result.read(home / "a")
    faults("SIGUSR1 from Slurm", **cost(client(home), result.run_id, home / "a"))
