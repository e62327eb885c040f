"""One run of the command line within this process, in an empty folder with a store of its own."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from mlflow import MlflowClient

from rnnlab.foundation.masking import HIDDEN
from rnnlab.run import main
from rnnlab.sync import main as sync_main
from rnnlab.tracking.manifest import PARENT_RUN
from tests.support.command import Command, Finished, called
from tests.support.faults_table import pytest_terminal_summary

__all__ = ["pytest_terminal_summary"]  # a hook, which pytest looks for here


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tables of MLflow, which take two seconds to make."""
    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def home(tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own to run in, with an empty store."""
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv(PARENT_RUN, raising=False)
    monkeypatch.delenv(HIDDEN, raising=False)  # of the environment that other tests' configs took
    return tmp_path


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Path:
    """One for all tests of a file, for what none of them changes."""
    folder = tmp_path_factory.mktemp("shared")
    shutil.copy(empty_store, folder / "mlflow.db")
    return folder


@pytest.fixture
def figures() -> None:
    """Named by a test that wants the figures of a sweep's report, which take longer than the sweep."""


@pytest.fixture
def _no_figures_unasked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "figures" not in request.fixturenames:
        monkeypatch.setattr("rnnlab.report.report.draw", lambda grid: [])


@pytest.fixture
def command(
    home: Path,
    _no_figures_unasked: None,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Iterator[Command]:
    """`python -m rnnlab.run` with these arguments, in `home`."""
    handlers = {s: signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}

    def run(*arguments: str) -> Finished:
        finished = called(main, ["rnnlab.run", *arguments], monkeypatch, capfd)
        os.environ.pop(PARENT_RUN, None)
        return finished

    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def sync(
    home: Path,
    _no_figures_unasked: None,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Command:
    """`python -m rnnlab.sync` with these arguments, in `home`."""
    return lambda *arguments: called(sync_main, ["rnnlab.sync", *arguments], monkeypatch, capfd)
