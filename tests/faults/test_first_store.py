"""A process that is killed while it makes the first store of a folder. Oracle: a store left alone."""

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from rnnlab.tracking.store import default_uri, existing_store, open_store
from tests.support.command import QUICK, SMALL
from tests.support.faults import Faults
from tests.support.processes import run_python, wait_for

MAKE = """
from rnnlab.foundation.signals import stop_on_signals
from rnnlab.tracking.store import default_uri, open_store
stop_on_signals()
open_store(default_uri(), "rnnlab")
"""


def tables(path: Path) -> set[str]:
    with sqlite3.connect(path) as store:
        return {name for (name,) in store.execute("SELECT name FROM sqlite_master")}


def killed_at(home: Path, size: float, number: signal.Signals) -> None:
    """Once what it makes has come to so many bytes."""
    making = home / ".mlflow.db.new"
    process = subprocess.Popen([sys.executable, "-c", MAKE], cwd=home, stderr=subprocess.DEVNULL)
    wait_for(lambda: making.exists() and making.stat().st_size >= size, every=0.001)
    process.send_signal(number)
    assert process.wait() == (130 if number == signal.SIGINT else -number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_the_next_one_makes_it_whole(
    number: signal.Signals,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    empty_store: Path,
    monkeypatch: pytest.MonkeyPatch,
    faults: Faults,
) -> None:
    """However far it had come, where there is no copy of the tables."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    whole = empty_store.stat().st_size
    for share in (0, 0.2, 0.4, 0.6, 0.8):
        killed_at(tmp_path, share * whole, number)
        assert not (tmp_path / "mlflow.db").exists()
        faults(f"{number.name} as the first store is made")
    client, experiment = open_store(default_uri(), "rnnlab")
    assert client.get_experiment(experiment).name == "rnnlab"
    assert tables(tmp_path / "mlflow.db") == tables(empty_store)
    assert {path.name for path in tmp_path.iterdir()} == {"mlflow.db", ".mlflow.db.lock"}


def test_what_an_older_version_left_half_made_has_a_way_out(tmp_path: Path, faults: Faults) -> None:
    """The store under its own name, killed as its tables are made; the message is followed."""
    making = (
        "import os, signal\n"
        "import mlflow.store.db.utils as database\n"
        "database._upgrade_db = lambda engine: os.kill(os.getpid(), signal.SIGKILL)\n"
        "from mlflow import MlflowClient\n"
        "MlflowClient('sqlite:///mlflow.db')\n"
    )
    assert run_python(tmp_path, "-c", making).returncode == -signal.SIGKILL
    run = ("-m", "rnnlab.run", *QUICK, *SMALL, "tracking.log_model=false")
    environment = {"MLFLOW_TRACKING_URI": ""}
    refused = run_python(tmp_path, *run, **environment)
    assert refused.returncode == 2
    (line,) = refused.stderr.splitlines()
    move = line.partition("with no run in it: ")[2].partition(",")[0]
    subprocess.run(["sh", "-c", move], check=True)
    again = run_python(tmp_path, *run, **environment)
    assert again.returncode == 0, again.stderr
    store = existing_store(f"sqlite:///{tmp_path}/mlflow.db")
    assert [found.info.status for found in store.search_runs(["1"])] == ["FINISHED"]
    faults("a store left half-made")
