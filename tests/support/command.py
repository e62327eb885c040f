"""A command of rnnlab in a test: short arguments, how it ended, and what it left."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from mlflow import MlflowClient

from rnnlab.run import main
from rnnlab.tracking.result import Result

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


def result_of(folder: Path) -> Result:
    """The result of the one run below `folder`."""
    (path,) = folder.glob("outputs/runs/*/*/result.json")
    return Result.read(path.parent)


def client(folder: Path) -> MlflowClient:
    """A client of the folder's store."""
    return MlflowClient(f"sqlite:///{folder}/mlflow.db")


def made_run(folder: Path, *words: str) -> Result:
    """A run in `run` of that folder, before any test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.setattr("sys.argv", ["rnnlab.run", *words, "hydra.run.dir=run"])
        with pytest.raises(SystemExit) as ended:
            main()
        torch.set_flush_denormal(False)  # which a run has set for this process
        assert ended.value.code == 0
    return Result.read(folder / "run")


def called(
    program: Callable[[], None],
    words: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Finished:
    """How a command line ends that is called in this process."""
    monkeypatch.setattr("sys.argv", words)
    capfd.readouterr()
    with pytest.raises(SystemExit) as ended:
        program()
    torch.set_flush_denormal(False)  # which a run has set for this process
    assert isinstance(ended.value.code, int)
    return Finished(ended.value.code, *capfd.readouterr())
