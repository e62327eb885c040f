"""A tracking server that is killed, stays down, hangs or never was. Oracle: the run's journal."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mlflow import MlflowClient

from rnnlab.result import Result
from tests.conftest import Command, client
from tests.faults.conftest import TRAIN, Faults, Spawn, cost, killed, lines, wait_for
from tests.faults.servers import Server, postgres, server

__all__ = ["postgres", "server"]  # fixtures

LONG = ("cell=elman", *TRAIN, "train.stop_when_solved=false")
LONGEST_WAIT = 1.0  # seconds without a point, of a run that makes one every hundredth


def sync(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "rnnlab.sync", *arguments],
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )


def longest_wait(folder: Path) -> float:
    """The longest time between two points of the journal, in seconds."""
    text = (folder / "metrics.jsonl").read_text()
    times = [json.loads(line)["timestamp"] for line in text.splitlines()]
    times = times[: len(times) - 20]  # the test and what follows it are no steps of training
    return max(b - a for a, b in itertools.pairwise(times)) / 1000


def _for_seconds(seconds: float) -> tuple[str, ...]:
    """About so long, on this machine: 1 ms an update."""
    return (f"train.steps={int(seconds * 1000) // 50 * 50}", "train.val_every=500")


@pytest.mark.slow
def test_killed_for_a_minute_in_mid_run(
    server: Server, spawn: Spawn, home: Path, faults: Faults
) -> None:
    server.start()
    folder = home / "a"
    process = spawn(*LONG, *_for_seconds(120), f"tracking.uri={server.uri}", "hydra.run.dir=a")
    wait_for(lambda: lines(folder) > 2000)
    server.kill()
    time.sleep(60)
    assert process.poll() is None, "the run ended within the outage: nothing was tested"
    server.start()
    out, _ = process.communicate(timeout=300)
    assert process.returncode == 0, out
    assert longest_wait(folder) < LONGEST_WAIT
    result = Result.read(folder)
    assert result.delivered
    store = MlflowClient(server.uri)
    assert store.get_run(result.run_id).info.status == "FINISHED"
    faults("server killed for 60 s in a run", **cost(store, result.run_id, folder))


def test_down_at_the_end(
    server: Server, spawn: Spawn, command: Command, home: Path, faults: Faults
) -> None:
    server.start()
    folder = home / "outputs" / "a"
    at = (f"tracking.uri={server.uri}", f"hydra.run.dir={folder}")
    process = spawn(*LONG, *_for_seconds(5), *at)
    wait_for(lambda: lines(folder) > 1000)
    server.kill()
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0, out
    result = Result.read(folder)
    assert result.status == "FINISHED"
    assert not result.delivered
    assert f"MLflow did not take {result.undelivered} points" in out
    assert "python -m rnnlab.sync" in out
    refused = sync(home)
    assert refused.returncode == 1
    assert "does not answer" in refused.stderr
    server.start()
    # The next run delivers what waits.
    assert command(*LONG, "train.steps=50", at[0]).status == 0
    assert Result.read(folder).delivered
    store = MlflowClient(server.uri)
    assert store.get_run(result.run_id).info.status == "FINISHED"
    assert {"config.yaml", "figures"} <= {f.path for f in store.list_artifacts(result.run_id)}
    faults("server down at the end", **cost(store, result.run_id, folder))
    assert sync(home).returncode == 0  # there is nothing left


def test_never_up(server: Server, command: Command, home: Path, faults: Faults) -> None:
    folder = home / "outputs" / "a"
    finished = command(
        *(*LONG, "train.steps=500", f"tracking.uri={server.uri}", f"hydra.run.dir={folder}")
    )
    assert finished.status == 0, finished.err
    assert "does not answer" in finished.out
    assert "python -m rnnlab.sync" in finished.out
    result = Result.read(folder)
    assert result.status == "FINISHED"
    assert result.run_id == ""
    server.start()
    for _ in range(2):
        done = sync(home)
        assert done.returncode == 0, done.stderr
    result = Result.read(folder)
    store = MlflowClient(server.uri)
    (run,) = store.search_runs([result.experiment_id])
    assert run.info.run_id == result.run_id
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "elman · adding 10 · s0"
    assert run.data.params["cell.hidden_size"] == "64"
    assert run.data.metrics["test/loss"] == result.metrics["test/loss"]
    faults("server never up", **cost(store, result.run_id, folder))


@pytest.mark.slow
def test_a_server_that_hangs(server: Server, spawn: Spawn, home: Path, faults: Faults) -> None:
    server.start()
    folder = home / "a"
    process = spawn(*LONG, *_for_seconds(40), f"tracking.uri={server.uri}", "hydra.run.dir=a")
    wait_for(lambda: lines(folder) > 2000)
    assert server.process is not None
    os.killpg(server.process.pid, signal.SIGSTOP)
    time.sleep(15)
    assert process.poll() is None
    os.killpg(server.process.pid, signal.SIGCONT)
    out, _ = process.communicate(timeout=300)
    assert process.returncode == 0, out
    assert longest_wait(folder) < LONGEST_WAIT
    result = Result.read(folder)
    faults("server hangs for 15 s", **cost(MlflowClient(server.uri), result.run_id, folder))


def test_a_process_that_died_is_killed_by_sync(spawn: Spawn, home: Path, faults: Faults) -> None:
    folder = home / "outputs" / "a"
    process = spawn(*LONG, "train.steps=100000", f"hydra.run.dir={folder}")
    wait_for(lambda: lines(folder) > 500)
    assert sync(home).returncode == 0
    assert Result.read(folder).status == "RUNNING"  # it is at work
    killed(process)
    done = sync(home)
    assert done.returncode == 0, done.stderr
    assert "points delivered, KILLED" in done.stdout
    result = Result.read(folder)
    store = client(home)
    assert store.get_run(result.run_id).info.status == "KILLED"
    faults("a run left RUNNING", **cost(store, result.run_id, folder))


def test_a_folder_that_is_none(home: Path) -> None:
    refused = sync(home, "nowhere")
    assert refused.returncode == 2
    assert refused.stderr == "nowhere is not a folder\n"
