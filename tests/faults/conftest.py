"""Faults made for real."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient

from rnnlab.tracking.journal import Journal

TRAIN = (
    *("train.block=5", "train.val_every=50", "train.batch_size=4", "task.seq_len=10"),
    *("eval.sequences=400", "eval.val_sequences=20", "eval.batch_size=200"),
    *("diagnostics=none", "tracking.log_model=false"),
)


class Faults:
    """What one test reports: how often a fault was made and survived, and what it cost."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self.request = request

    def __call__(
        self, fault: str, made: int = 1, lost: int | None = None, doubled: int | None = None
    ) -> None:
        """Survived, or the test would have failed before; None: points are not what it is about."""
        self.request.node.user_properties.append(("fault", (fault, made, lost, doubled)))
        assert not lost
        assert not doubled


@pytest.fixture
def faults(request: pytest.FixtureRequest) -> Faults:
    return Faults(request)


Spawn = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def spawn(home: Path) -> Iterator[Spawn]:
    """`python -m rnnlab.run` as a process of its own, which does not outlive the test."""
    begun: list[subprocess.Popen[str]] = []

    def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "rnnlab.run", *arguments],
            cwd=home,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | environment,
            start_new_session=True,
        )
        begun.append(process)
        return process

    yield start
    for process in begun:
        if process.poll() is None:
            process.kill()
        process.communicate()
        assert not left_behind(process.pid)


def left_behind(session: int) -> list[int]:
    """Processes of a session that are still there, as its leader's children may be for a moment."""
    for _ in range(300):
        found = [pid for pid in _pids() if _session(pid) == session]
        if not found:
            break
        time.sleep(0.1)
    return found


def _pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]


def _session(pid: int) -> int:
    try:
        # After the name, which may hold anything: state, parent, group, session.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return -1
    return -1 if fields[0] == "Z" else int(fields[3])


def wait_for(what: Callable[[], object], seconds: float = 60, every: float = 0.01) -> None:
    """Until it holds."""
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(every)


def lines(folder: Path) -> int:
    """Of a run's journal."""
    journal = folder / "metrics.jsonl"
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


def killed(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def points_of(client: MlflowClient, run_id: str) -> Counter[tuple[str, int]]:
    """How often the store has each key and step."""
    return Counter(
        (metric.key, metric.step)
        for key in client.get_run(run_id).data.metrics
        for metric in client.get_metric_history(run_id, key)
    )


def cost(client: MlflowClient, run_id: str, folder: Path) -> dict[str, int]:
    """What the store lacks of a run's journal, and what it has twice, in that run or another."""
    run = client.get_run(run_id)
    of_folder = f"tags.`rnnlab.folder` = '{run.data.tags['rnnlab.folder']}'"
    (only,) = client.search_runs([run.info.experiment_id], of_folder)
    assert only.info.run_id == run_id
    stored = points_of(client, run_id)
    written = {(point.key, point.step) for point in Journal(folder / "metrics.jsonl")}
    assert written
    return {"lost": len(written - set(stored)), "doubled": sum(n - 1 for n in stored.values())}
