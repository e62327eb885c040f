"""A sweep that is added to. Oracle: one of all its jobs at once, and what of the first is as it was."""

import csv
from pathlib import Path

import pytest

from rnnlab.foundation.run_folder import SweepFolder
from rnnlab.tracking.result import Result
from tests.support.command import QUICK, SMALL, Command, Finished, client
from tests.support.journals import points_in_order

FAST = (*QUICK, *SMALL, "tracking.log_model=false", "cell.hidden_size=4")
INTO = "hydra.sweep.dir=s"
BASIC = "hydra/launcher=basic"


def runs(home: Path, kind: str) -> list:
    return client(home).search_runs(["1"], f"tags.`rnnlab.kind` = '{kind}'")


def trained(home: Path) -> dict[str, bytes]:
    """What each job of the sweep has written, by its folder."""
    return {p.parent.name: p.read_bytes() for p in (home / "s").glob("*/metrics.jsonl")}


def compared(sweep: Path) -> list[dict[str, str]]:
    """The rows of its report, but for how fast it was."""
    with (sweep / "report" / "comparison.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [{key: value for key, value in row.items() if key != "steps_per_second"} for row in rows]


def is_refused(finished: Finished, why: str) -> None:
    assert finished.status == 2
    assert f"s holds another sweep: its job {why}" in finished.err, finished.err
    assert "to go on" not in finished.out


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["processes", "basic"])
def test_only_what_is_new_is_run(command: Command, home: Path, launcher: str) -> None:
    by = f"hydra/launcher={launcher}"
    assert command("-m", "cell=elman,gru", *FAST, INTO, by).status == 0
    before = trained(home)
    (parent,) = runs(home, "sweep")
    # The seed was left out, there is a cell more, and the order is another: no number is as it was.
    wider = ("-m", "seed=1,0", "cell=gru,lstm,elman", *FAST, by)
    added = command(*wider, INTO)
    assert added.status == 0, added.err
    assert added.out.startswith("6 jobs, 2 of them finished before, ")
    after = trained(home)
    assert set(after) == {"0", "1", "2", "3", "4", "5"}
    assert before == {name: after[name] for name in before}
    assert len(runs(home, "run")) == 6
    (same,) = runs(home, "sweep")
    assert same.info.run_id == parent.info.run_id
    assert same.info.status == "FINISHED"
    assert same.info.run_name.startswith("sweep · seed=1,0 cell=gru,lstm,elman train.steps=4")
    assert same.data.tags["rnnlab.overrides"].startswith("seed=1,0 cell=gru,lstm,elman ")
    assert same.data.metrics == {"sweep/jobs": 6, "sweep/failed": 0}
    assert {run.data.tags["mlflow.parentRunId"] for run in runs(home, "run")} == {same.info.run_id}

    again = command(*wider, INTO, "resume=auto")
    assert again.status == 0
    assert again.out.startswith("6 jobs, all finished before\n")
    assert trained(home) == after
    if launcher == "processes":
        assert command(*wider, "hydra.sweep.dir=whole").status == 0
        assert compared(home / "s") == compared(home / "whole")
        for job in SweepFolder(home / "whole").jobs():
            assert any(points_in_order(home / "s" / n) == points_in_order(job.path) for n in after)


@pytest.mark.slow
def test_what_would_change_the_sweep_is_refused(command: Command, home: Path) -> None:
    others = ("-m", BASIC, "seed=0", *FAST, INTO)
    sweep = (*others, "cell=elman,gru")
    assert command(*sweep).status == 0
    files = {path: path.read_bytes() for path in (home / "s").rglob("*") if path.is_file()}
    is_refused(command(*sweep, "train.steps=8"), "0 has train.steps=4, not train.steps=8")
    is_refused(command(*others, "cell=gru,lstm"), "0 has cell=elman, not cell=gru")
    is_refused(
        command(*sweep, "optimizer.lr=0.1"), "0 has optimizer.lr=0.005, not optimizer.lr=0.1"
    )
    typo = command(*others, "cell=elman,gru,lstmm")
    assert (typo.status, "cell=lstmm is unknown" in typo.err) == (2, True)
    assert files == {path: path.read_bytes() for path in (home / "s").rglob("*") if path.is_file()}
    assert [run.info.status for run in runs(home, "sweep")] == ["FINISHED"]


@pytest.mark.slow
def test_what_has_not_finished_goes_on_in_its_folder(command: Command, home: Path) -> None:
    sweep = ("-m", BASIC, "cell=elman", *FAST, INTO)
    assert command(*sweep, "seed=0,1,2").status == 0
    for name in ("1", "2"):
        result = Result.read(home / "s" / name)
        result.status = "KILLED" if name == "1" else "FAILED"
        result.write()
    before = trained(home)
    again = command(*sweep, "seed=3,0,1,2")
    assert again.status == 0, again.err
    after = trained(home)
    assert set(after) == {"0", "1", "2", "3"}
    assert after["0"] == before["0"]
    for name in ("1", "2"):  # tested again from its last checkpoint
        assert after[name].startswith(before[name])
        assert after[name] != before[name]
        assert Result.read(home / "s" / name).status == "FINISHED"
    assert len(runs(home, "run")) == 4


@pytest.mark.slow
def test_folders_that_are_named(command: Command, home: Path) -> None:
    """By what a job is asked for, below one another; a sweep looks nowhere else for its jobs."""
    named = ("-m", BASIC, *FAST, INTO, "hydra.sweep.subdir='${cell._target_}/s${seed}'")
    assert command(*named, "cell=elman", "seed=0").status == 0
    (home / "s" / "notes").mkdir()
    added = command(*named, "cell=elman", "seed=0,1")
    assert added.status == 0, added.err
    assert [str(job.path.relative_to(home / "s")) for job in SweepFolder(home / "s").jobs()] == [
        "rnnlab.cells.elman.ElmanCell/s0",
        "rnnlab.cells.elman.ElmanCell/s1",
    ]
    assert "0 of 2" in added.out
    one = command("-m", BASIC, *FAST, "hydra.sweep.subdir=one", "seed=0,1", "hydra.sweep.dir=t")
    assert one.status == 2
    assert "t/one would be the folder of several jobs" in one.err


def test_a_list_that_leads_out_is_refused(tmp_path: Path) -> None:
    folder = SweepFolder(tmp_path)
    folder.job_list.write_text('{"jobs": {"../elsewhere": {}}}')
    with pytest.raises(ValueError, match=r"names \.\./elsewhere, which is not below it"):
        folder.jobs()
    for text in ("[]", "{}", '{"jobs": [1]}'):
        folder.job_list.write_text(text)
        with pytest.raises(ValueError, match=r"jobs\.json cannot be read"):
            folder.jobs()


@pytest.mark.slow
def test_a_failed_job_is_one_failed_job_in_batches_too(command: Command, home: Path) -> None:
    explodes = ("cell=elman", "cell.nonlinearity=relu", "optimizer=sgd", "train.nonfinite=raise")
    rates = ("optimizer.lr=1e30,0.01,0.02", "hydra.sweeper.max_batch_size=1")
    finished = command("-m", BASIC, *explodes, *FAST, *rates, INTO)
    assert finished.status == 1
    assert "1 of 3 jobs failed" in finished.out
    finished_jobs = {path.parent.name for path in (home / "s").glob("*/result.json")}
    assert finished_jobs >= {"1", "2"}
