"""One run of the command line within this process, in an empty folder with a store of its own."""

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from mlflow import MlflowClient

from rnnlab.run import main
from rnnlab.sweeps.callback import Sweep
from rnnlab.tracking import PARENT_RUN
from rnnlab.tracking.result import Result
from tests.support.faults_table import pytest_terminal_summary

__all__ = ["pytest_terminal_summary"]  # a hook, which pytest looks for here

QUICK = (
    *("train.steps=4", "train.block=2", "train.val_every=2", "train.batch_size=4"),
    "diagnostics=none",
)
SMALL = ("eval.sequences=400", "eval.val_sequences=20", "eval.batch_size=200", "task.seq_len=10")


class Finished(NamedTuple):
    """How a command ended."""

    status: int
    out: str
    err: str


Command = Callable[..., Finished]


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
    return tmp_path


@pytest.fixture
def command(
    home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Command]:
    """`python -m rnnlab.run` with these arguments, in `home`."""
    handlers = {s: signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}

    def run(*arguments: str) -> Finished:
        monkeypatch.setattr("sys.argv", ["rnnlab.run", *arguments])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        os.environ.pop(PARENT_RUN, None)
        assert Sweep.current is None or ended.value.code != 0
        assert isinstance(ended.value.code, int)
        return Finished(ended.value.code, *capfd.readouterr())

    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)
    Sweep.current = None


def result_of(folder: Path) -> Result:
    """The result of the one run below `folder`."""
    (path,) = folder.glob("outputs/runs/*/*/result.json")
    return Result.read(path.parent)


def client(folder: Path) -> MlflowClient:
    """A client of the folder's store."""
    return MlflowClient(f"sqlite:///{folder}/mlflow.db")
