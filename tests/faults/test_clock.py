"""A clock that is set back while something is at work. Oracle: nothing ends before it has begun."""

import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from mlflow import MlflowClient

from rnnlab.foundation.json_file import read_content, write_content
from rnnlab.tracking.result import Result
from tests.support.command import QUICK, SMALL, Command, client
from tests.support.faults import Faults, cost

RUN = (*QUICK, *SMALL, "tracking.log_model=false", "hydra/launcher=basic")


@pytest.fixture
def _begins_ten_hours_later(monkeypatch: pytest.MonkeyPatch) -> None:
    later = SimpleNamespace(time=lambda: time.time() + 36_000)
    monkeypatch.setattr("rnnlab.tracking.manifest.time", later)


def seconds(store: MlflowClient) -> list[float]:
    """How long each run of a store has taken, as MLflow shows it."""
    runs = [run.info for run in store.search_runs(["1"])]
    assert {run.status for run in runs} == {"FINISHED"} or {run.status for run in runs} == {
        "KILLED"
    }
    return [(run.end_time - run.start_time) / 1000 for run in runs]


@pytest.mark.usefixtures("_begins_ten_hours_later")
def test_no_run_or_sweep_ends_before_it_began(command: Command, home: Path, faults: Faults) -> None:
    assert command(*RUN, "hydra.run.dir=a").status == 0
    assert command("-m", *RUN, "seed=0,1", "hydra.sweep.dir=s").status == 0
    assert seconds(client(home)) == [0] * 4
    for folder in (home / "a", home / "s" / "0", home / "s" / "1"):
        run_id = Result.read(folder).run_id
        faults("a clock set back", **cost(client(home), run_id, folder))


@pytest.mark.usefixtures("_begins_ten_hours_later")
def test_nor_one_that_sync_ends(command: Command, sync: Command, home: Path) -> None:
    """Of which nobody knows when it ended."""
    assert command(*RUN, "hydra.run.dir=a").status == 0
    result = Result.read(home / "a")
    result.status, result.delivered = "RUNNING", False
    result.write()
    store = client(home)
    store.update_run(result.run_id, status="RUNNING")
    manifest = home / "a" / "tracking.json"
    write_content(manifest, read_content(manifest) | {"ended": None})
    assert sync("a").status == 0
    assert seconds(store) == [0]
