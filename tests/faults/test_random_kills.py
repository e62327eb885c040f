"""Signals at random moments of a whole life, from the first import to the last word to MLflow.

Each life begins in an empty folder, so that the first store is made within it, and is told to go on by
the same command. Oracle: a life that was left alone. `scripts/kills` asks for many of them.
"""

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from rnnlab.foundation.run_folder import RunFolder
from rnnlab.tracking.result import Result
from tests.support.command import client
from tests.support.faults import Faults, cost
from tests.support.journals import distinct_points
from tests.support.processes import HANG, end, run_python, start_python
from tests.support.weights import same_weights

RUN_KILLS = int(os.environ.get("RNNLAB_RUN_KILLS", "6"))
SWEEP_KILLS = int(os.environ.get("RNNLAB_SWEEP_KILLS", "2"))
SEED = os.environ.get("RNNLAB_KILLS_SEED", "0")
SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)

SMALL = (
    *("train.steps=120", "train.block=5", "train.val_every=20", "train.batch_size=4"),
    *("task.seq_len=10", "eval.sequences=400", "eval.val_sequences=20", "eval.batch_size=200"),
    *("cell.hidden_size=8", "train.stop_when_solved=false"),
)
RUN = ("-m", "rnnlab.run", "cell=gru", *SMALL, "diagnostics=[omega]")
SWEEP = (
    *("-m", "rnnlab.run", "-m", "cell=elman,gru", "seed=0,1", *SMALL, "diagnostics=none"),
    *("tracking.log_model=false", "hydra.launcher.n_jobs=2", "hydra.sweep.dir=s"),
)


class Life(NamedTuple):
    """What one command left that nobody disturbed, and how long it took."""

    home: Path
    seconds: float


@pytest.fixture(scope="session")
def life(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Life]:
    lives: dict[tuple[str, ...], Life] = {}

    def of(*command: str) -> Life:
        if command not in lives:
            home, began = tmp_path_factory.mktemp("whole"), time.monotonic()
            done = run_python(home, *command)
            assert done.returncode == 0, done.stderr
            lives[command] = Life(home, time.monotonic() - began)
        return lives[command]

    return of


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def struck(home: Path, moments: random.Random, seconds: float, *command: str) -> int:
    """The command with a signal to all its processes within its life; how many it met."""
    process = start_python(home, *command)
    try:
        process.communicate(timeout=moments.uniform(0, seconds))
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, moments.choice(SIGNALS))
        try:
            process.communicate(timeout=HANG)
        finally:
            end(process)
        return int(process.returncode != 0)
    assert process.returncode == 0  # it had ended before
    return 0


def metrics(folder: Path) -> dict[str, float]:
    found = Result.read(folder).metrics
    return {key: value for key, value in found.items() if not key.startswith("perf/")}


def looks(folder: Path) -> dict[str, bytes]:
    """All that the diagnostics of a run have left."""
    return {
        f"{path.name} {name}": array.tobytes()
        for path in sorted(RunFolder(folder).diagnostics.glob("*.npz"))
        for name, array in np.load(path).items()
    }


def assert_same(folder: Path, whole: Path) -> None:
    assert distinct_points(folder) == distinct_points(whole)
    assert same_weights(folder, whole)
    assert metrics(folder) == metrics(whole)
    assert looks(folder) == looks(whole)


@pytest.mark.parametrize("number", range(RUN_KILLS))
def test_a_run(number: int, life: Callable[..., Life], tmp_path: Path, faults: Faults) -> None:
    moments = random.Random(f"{SEED} run {number}")
    whole = life(*RUN, "hydra.run.dir=r")
    command = (*RUN, "hydra.run.dir=r", "resume=auto")
    met = struck(tmp_path, moments, whole.seconds, *command)
    again = run_python(tmp_path, *command)
    assert again.returncode == 0, again.stderr
    assert_same(tmp_path / "r", whole.home / "r")
    store, run_id = client(tmp_path), Result.read(tmp_path / "r").run_id
    (only,) = store.search_runs(["1"])
    assert (only.info.run_id, only.info.status) == (run_id, "FINISHED")
    kept, wanted = (
        {item.path for item in store_of.list_artifacts(run.info.run_id)}
        for store_of in (store, client(whole.home))
        for run in store_of.search_runs(["1"])
    )
    assert kept == wanted
    faults(
        "a signal at a random moment of a run's life",
        made=met,
        **cost(store, run_id, tmp_path / "r"),
    )


@pytest.mark.parametrize("number", range(SWEEP_KILLS))
def test_a_sweep(number: int, life: Callable[..., Life], tmp_path: Path, faults: Faults) -> None:
    moments = random.Random(f"{SEED} sweep {number}")
    whole = life(*SWEEP)
    met = struck(tmp_path, moments, whole.seconds, *SWEEP, "resume=auto")
    again = run_python(tmp_path, *SWEEP, "resume=auto")
    assert again.returncode == 0, again.stderr
    store, points = client(tmp_path), {"lost": 0, "doubled": 0}
    for job in ("0", "1", "2", "3"):
        folder = tmp_path / "s" / job
        assert_same(folder, whole.home / "s" / job)
        for name, count in cost(store, Result.read(folder).run_id, folder).items():
            points[name] += count
    kinds = sorted(run.data.tags["rnnlab.kind"] for run in store.search_runs(["1"]))
    assert kinds == ["run"] * 4 + ["sweep"]
    assert {run.info.status for run in store.search_runs(["1"])} == {"FINISHED"}
    faults("a signal at a random moment of a sweep's life", made=met, **points)
