"""Many at once on one store. Oracle: what each of them wrote."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow import MlflowClient

from rnnlab.tracking.result import Result
from tests.support.command import client
from tests.support.faults import TRAIN, Faults, cost

WRITER = """
import sys, time
from pathlib import Path
from rnnlab.tracking.delivery import Delivery
from rnnlab.tracking.journal import Journal
from rnnlab.tracking.logger import BufferedMLFlowLogger
from rnnlab.tracking.manifest import Manifest
from rnnlab.tracking.store import open_store
uri, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
folder = Path(name)
folder.mkdir()
client, experiment = open_store(uri, "many")
delivery = Delivery(client, experiment, Manifest("many", name, {"rnnlab.folder": name}, {}, 1))
delivery.begin()
logger = BufferedMLFlowLogger(Journal(folder / "metrics.jsonl"))
logger.delivery = delivery
logger.begin()
for step in range(count // 10):
    logger.log_metrics({f"m{k}": step + k / 10 for k in range(10)}, step)
assert logger.end(folder, [], "FINISHED"), "not all was delivered"
print(delivery.run_id)
"""


def test_eight_runs_started_at_once_on_a_fresh_store(tmp_path: Path, faults: Faults) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"}
    command = [sys.executable, "-m", "rnnlab.run", *TRAIN, "train.steps=50"]
    runs = [
        subprocess.Popen(
            [*command, f"seed={seed}", f"hydra.run.dir={seed}"],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.DEVNULL,
        )
        for seed in range(8)
    ]
    assert [run.wait() for run in runs] == [0] * 8
    stored = client(tmp_path).search_runs(["1"])
    assert [run.info.status for run in stored] == ["FINISHED"] * 8
    for seed in range(8):
        folder = tmp_path / str(seed)
        faults(
            "8 runs at once, a fresh store",
            **cost(client(tmp_path), Result.read(folder).run_id, folder),
        )


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_eight_writers_of_100_000_points(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest, faults: Faults
) -> None:
    uri, count = f"sqlite:///{tmp_path}/mlflow.db", 100_000
    if kind == "postgres":
        uri = request.getfixturevalue("postgres")
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, uri, str(number), str(count)],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(8)
    ]
    for writer in writers:
        out, err = writer.communicate()
        assert writer.returncode == 0, err
        assert "locked" not in err
        store, run_id = MlflowClient(uri), out.strip()
        found = {
            key: [(m.step, m.value) for m in store.get_metric_history(run_id, key)]
            for key in (f"m{k}" for k in range(10))
        }
        expected = {
            f"m{k}": [(step, step + k / 10) for step in range(count // 10)] for k in range(10)
        }
        assert found == expected
        faults(f"8 writers at once, {kind}", lost=0, doubled=0)  # as they are equal
