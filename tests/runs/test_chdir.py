"""hydra.job.chdir=true makes a run's folder the working directory. Oracle: the same run without it."""

import shutil
from pathlib import Path

import pytest
from mlflow import MlflowClient

from rnnlab.foundation.here import here
from rnnlab.tracking.result import Result
from tests.support.command import QUICK, SMALL, Command, client

RUN = (*QUICK, *SMALL, "tracking.log_model=false", "cell.hidden_size=4", "hydra.job.chdir=true")
NOBODY = "tracking.uri=http://127.0.0.1:9"  # the port of a service that discards what it gets


def files_of(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_a_run_leaves_what_it_leaves_without(command: Command, home: Path) -> None:
    finished = command(*RUN, "hydra.run.dir=a")
    assert finished.status == 0, finished.err
    plain = command(*RUN, "hydra.job.chdir=false", "hydra.run.dir=b")
    assert files_of(home / "a") == files_of(home / "b")
    assert {path.name for path in home.iterdir()} == {
        *("a", "b", "mlflow.db", ".mlflow.db.lock", "outputs")
    }
    first, second = Result.read(home / "a"), Result.read(home / "b")
    assert (first.tracking_uri, first.delivered) == (second.tracking_uri, True)
    for shown in (finished.out, plain.out):
        assert "served by   mlflow ui\n" in shown
    assert "checkpoint  a/checkpoints/best.ckpt\n" in finished.out
    (run, _) = client(home).search_runs(["1"], order_by=["start_time"])
    assert run.info.artifact_uri.startswith((home / "outputs" / "artifacts").as_uri())
    assert here() == home


@pytest.mark.slow
def test_a_relative_store_is_meant_from_where_the_user_stood(
    command: Command, home: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "far").mkdir()
    shutil.copy(empty_store, home / "far" / "mine.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///far/mine.db")
    assert command(*RUN).status == 0
    assert command(*RUN, "seed=1", "tracking.uri=sqlite:///far/mine.db").status == 0
    assert len(MlflowClient(f"sqlite:///{home}/far/mine.db").search_runs(["1"])) == 2
    assert files_of(home / "far") == {"mine.db", ".mine.db.lock"}


@pytest.mark.slow
def test_a_run_in_a_relative_store_goes_on_there(command: Command, home: Path) -> None:
    """It is the store that the run's own config names."""
    (home / "far").mkdir()
    (home / "mlflow.db").rename(home / "far" / "mine.db")
    assert command(*RUN, "hydra.run.dir=a", "tracking.uri=sqlite:///far/mine.db").status == 0
    longer = command("resume=a", "train.steps=8", "hydra.job.chdir=true")
    assert longer.status == 0, longer.err
    (run,) = MlflowClient(f"sqlite:///{home}/far/mine.db").search_runs(["1"])
    assert run.data.tags["rnnlab.changes"] == "train.steps: 4 -> 8\n"
    assert Result.read(home / "a").delivered
    assert not (home / "mlflow.db").exists()
    assert not list((home / "a").rglob("*.db"))


@pytest.mark.slow
def test_it_is_resumed(command: Command, home: Path) -> None:
    """By auto, which looks below outputs/, and by a relative folder."""
    assert command(*RUN).status == 0
    (begun,) = (home / "outputs" / "runs").glob("*/*")
    again = command(*RUN, "resume=auto")
    assert again.status == 0, again.err
    assert "had finished" in again.out or "finished" in again.out
    longer = command(f"resume={begun.relative_to(home)}", "train.steps=8", "hydra.job.chdir=true")
    assert longer.status == 0, longer.err
    assert Result.read(begun).metrics["train/loss"] != 0
    assert list((home / "outputs" / "runs").glob("*/*")) == [begun]
    assert len(client(home).search_runs(["1"])) == 1


def test_what_waits_is_listed_where_the_user_stood(command: Command, home: Path) -> None:
    finished = command(*RUN, NOBODY, "hydra.run.dir=a")
    assert finished.status == 0, finished.err
    (waiting,) = (home / "outputs" / "undelivered").iterdir()
    assert waiting.read_text("utf-8") == str(home / "a")
    assert finished.out.endswith("python -m rnnlab.sync a\n")


@pytest.mark.parametrize("launcher", [pytest.param("processes", marks=pytest.mark.slow), "basic"])
@pytest.mark.slow
def test_a_sweep_and_its_jobs_lie_in_one_store(launcher: str, command: Command, home: Path) -> None:
    sweep = ("-m", *RUN, "seed=0,1", "hydra.sweep.dir=s", f"hydra/launcher={launcher}")
    finished = command(*sweep)
    assert finished.status == 0, finished.err
    (parent,) = client(home).search_runs(["1"], "tags.`rnnlab.kind` = 'sweep'")
    jobs = client(home).search_runs(["1"], "tags.`rnnlab.kind` = 'run'")
    assert [run.data.tags["mlflow.parentRunId"] for run in jobs] == [parent.info.run_id] * 2
    assert not list((home / "s").glob("*/mlflow.db"))
    again = command(*sweep, "resume=auto")
    assert again.out.startswith("2 jobs, all finished before\n")
