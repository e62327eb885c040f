"""Sweeps: the parent and its children, one failed job, the table."""

import os
import re
import subprocess
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import pytest
import yaml

from rnnlab.foundation.run_folder import RunFolder, SweepFolder
from rnnlab.foundation.statistics import wilson
from rnnlab.sweeps.job_list import JobList
from rnnlab.sweeps.labels import Labels
from rnnlab.sweeps.summary import summarise
from rnnlab.tracking.manifest import Manifest
from rnnlab.tracking.result import Result
from tests.support.command import QUICK, SMALL, Command, client
from tests.support.journals import points_in_order

FAST = (*QUICK, *SMALL, "tracking.log_model=false", "hydra.sweep.dir=outputs/sweep")


# A cell whose jobs of 4 units raise, once they train.
BROKEN = """
import torch
from rnnlab.cells.lstm import LSTMCell
class Broken(LSTMCell):
    def forward(self, inputs, state=None):
        if self.hidden_size == 4 and torch.is_grad_enabled():  # not where the cell is tried
            raise RuntimeError("first line\\nand second")
        return super().forward(inputs, state)
"""
OWN = ("--config-dir", ".", "allow_targets=[broken]", "cell._target_=broken.Broken")


def by_kind(home: Path) -> tuple[list, list]:
    runs = client(home).search_runs(["1"])
    parents = [run for run in runs if run.data.tags["rnnlab.kind"] == "sweep"]
    children = [run for run in runs if run.data.tags["rnnlab.kind"] == "run"]
    return parents, children


def test_a_refused_sweep_leaves_no_process(command: Command, home: Path) -> None:
    """Nor is it waited for: the process of which its jobs would have been is ended amid its imports."""
    refused = command("-m", "seed=0,1", "cell=gru", "cell.hidden_size=-1", *FAST)
    assert refused.status == 2, refused.err
    server: Any = forkserver._forkserver
    assert server._forkserver_pid is None
    children = subprocess.run(
        ["ps", "-o", "args=", "--ppid", str(os.getpid())], capture_output=True, check=True
    )
    assert b"multiprocessing.forkserver" not in children.stdout
    assert not (home / "outputs").exists()


@pytest.mark.slow
def test_a_parent_its_children_and_the_table(command: Command, home: Path, figures: None) -> None:
    finished = command("-m", "cell=elman,gru", "task=adding,temporal_order", "seed=0,1", *FAST)
    assert finished.status == 0, finished.err
    (parent,), children = by_kind(home)
    assert parent.info.status == "FINISHED"
    assert parent.data.metrics == {"sweep/jobs": 8, "sweep/failed": 0}
    assert len(children) == 8
    for child in children:
        assert child.info.status == "FINISHED"
        assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
    stored = {item.path for item in client(home).list_artifacts(parent.info.run_id)}
    assert stored == {"summary.md", "report.html", "report.md", "comparison.csv", "figures"}
    printed = finished.out.partition("\n\n")[2].rpartition("\n\nin MLflow")[0]
    assert max(map(len, printed.splitlines())) <= 80
    answer, _, tables = printed.partition("\n\nadding:\n\n")
    for task in ("adding", "temporal_order"):
        assert f"No variant solved {task} at 10 in any of 2 seeds." in " ".join(answer.split())
    rows = [
        [entry.strip() for entry in line.strip("|").split("|")]
        for line in tables.splitlines()
        if line.startswith("| elman ")
    ]
    assert [row[:3] for row in rows] == [["elman", "10", "0 of 2 [0.00, 0.66]"]] * 2
    note = parent.data.tags["mlflow.note.content"]
    assert note.startswith("No variant solved adding at 10 in any of 2 seeds.")
    assert "What may not be concluded:" in note
    losses = [
        run.data.metrics["test/loss"]
        for run in children
        if (run.data.params["cell"], run.data.params["task"]) == ("elman", "adding")
    ]
    assert float(rows[0][4]) == pytest.approx(sum(losses) / 2, rel=1e-2)
    assert all((home / "outputs" / "sweep" / str(job)).is_dir() for job in range(8))


def test_a_failing_job_is_one_failing_job(command: Command, home: Path) -> None:
    (home / "broken.py").write_text(BROKEN)
    finished = command("-m", *OWN, "cell=lstm", "cell.hidden_size=3,4,5", "seed=0", *FAST)
    assert finished.status == 1
    (parent,), children = by_kind(home)
    assert parent.info.status == "FAILED"
    assert parent.data.metrics == {"sweep/jobs": 3, "sweep/failed": 1}
    assert sorted(run.info.status for run in children) == ["FAILED", "FINISHED", "FINISHED"]
    assert "1 of 3 jobs failed" in finished.out
    assert re.search(
        r"job 1 \(cell\.hidden_size=4\): .*RuntimeError: first line",
        finished.out,
    )
    assert re.search(r"\| cell.hidden_size=3 +\|", finished.out)  # what differs is told


@pytest.mark.slow
def test_an_unreachable_store_is_told_once_and_gets_all_of_it_later(
    command: Command, sync: Command, home: Path
) -> None:
    sweep = home / "outputs" / "sweep"
    finished = command("-m", "seed=0,1", "tracking.uri=http://127.0.0.1:9", *FAST)
    assert finished.status == 0, finished.err
    away = "tracking.uri=http://127.0.0.1:9 does not answer: Connection refused"
    assert finished.err.splitlines() == [
        f"{away}: the sweep is recorded in {sweep}",
        f"MLflow could not be told that the sweep is FINISHED: {away}",
        "python -m rnnlab.sync outputs/sweep does it later",
    ]
    assert "0 of 2" in finished.out
    store = f"sqlite:///{home}/mlflow.db"
    for points in (True, False):  # the second time nothing is left to do
        done = sync("--uri", store)
        assert done.status == 0, done.err
        assert (f"{sweep}: sweep · seed=0,1" in done.out) == points
        (parent,), children = by_kind(home)
        assert parent.info.status == "FINISHED"
        assert parent.data.metrics == {"sweep/jobs": 2, "sweep/failed": 0}
        assert {c.data.tags["mlflow.parentRunId"] for c in children} == {parent.info.run_id}
        assert len(children) == 2
        stored = {item.path for item in client(home).list_artifacts(parent.info.run_id)}
        assert stored >= {"summary.md", "report.html"}
        note = parent.data.tags["mlflow.note.content"]
        assert note.startswith("lstm did not solve adding at 10 in any of 2 seeds.")


@pytest.mark.slow
def test_a_used_folder_is_refused(command: Command, home: Path) -> None:
    assert command("-m", "seed=0", *FAST).status == 0
    again = command("-m", "seed=1", *FAST)
    assert again.status == 2
    assert "outputs/sweep holds another sweep: its job 0 has seed=0, not seed=1" in again.err
    single = command(*QUICK, *SMALL, "hydra.run.dir=outputs/sweep/0", "cell=gru")
    assert single.status == 2
    assert "holds a run already" in single.err


def test_resume_is_for_one_run(command: Command) -> None:
    finished = command("-m", "resume=a", "seed=0,1", *FAST)
    assert finished.status == 2
    assert finished.err.strip() == "resume=a goes on with one run: a sweep takes resume=auto"


@pytest.mark.parametrize("launcher", [pytest.param("processes", marks=pytest.mark.slow), "basic"])
def test_jobs_run_under_either_launcher(command: Command, home: Path, launcher: str) -> None:
    finished = command("-m", f"hydra/launcher={launcher}", "seed=0,1", *FAST)
    assert finished.status == 0, finished.err
    (parent,), children = by_kind(home)
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    assert "0 of 2" in finished.out


@pytest.mark.slow
def test_a_job_alone_and_in_a_sweep_are_the_same_run(command: Command, home: Path) -> None:
    """The fork server changes no number."""
    command("-m", "seed=3", "cell=lstm", *FAST)
    command("seed=3", "cell=lstm", *FAST, "hydra.run.dir=alone")

    assert points_in_order(home / "outputs" / "sweep" / "0") == points_in_order(home / "alone")


ODD = "# Odd\ndefaults:\n  - default\nprecision: 64-true\ndeterministic: true\n"


@pytest.mark.slow
def test_a_job_is_the_same_run_after_others_in_its_process(command: Command, home: Path) -> None:
    """Among them those that changed what torch keeps for all of a process."""
    (home / "trainer").mkdir()
    (home / "trainer" / "odd.yaml").write_text(ODD)
    swept = ("-m", "cell=lstm", "trainer=odd,default", "num_threads=2,1", *FAST)
    assert command("--config-dir", ".", *swept, "hydra.launcher.n_jobs=1").status == 0
    outputs = home / "outputs" / "sweep"
    assert len({(outputs / str(job) / "output.txt").read_text("utf-8") for job in range(4)}) == 4
    for job in (0, 3):
        words = yaml.safe_load(
            (outputs / str(job) / ".hydra" / "overrides.yaml").read_text("utf-8")
        )
        command("--config-dir", ".", *words, f"hydra.run.dir=alone{job}")
        assert points_in_order(outputs / str(job)) == points_in_order(home / f"alone{job}")


@pytest.mark.slow
def test_a_failed_job_takes_its_process_with_it(command: Command, home: Path) -> None:
    (home / "broken.py").write_text(BROKEN)
    sizes = "cell.hidden_size=3,4,6,5"
    finished = command("-m", *OWN, sizes, "hydra.launcher.n_jobs=1", *FAST)
    assert finished.status == 1
    assert "FAILED, RuntimeError: first line and second" in finished.out
    assert "and second; see" in finished.out
    runs = [home / "outputs" / "sweep" / str(job) / "result.json" for job in (0, 2, 3)]
    assert all(Result.read(path.parent).status == "FINISHED" for path in runs)
    answer = " ".join(finished.out.split())
    assert "No run of Broken cell.hidden_size=4 has finished (1 failed)." in answer


@pytest.mark.slow
def test_n_jobs_and_timeout(command: Command, home: Path) -> None:
    endless = ("train.steps=1000000", "train.stop_when_solved=false")
    finished = command("-m", "seed=0", *FAST, *endless, "hydra.launcher.job_timeout=8")
    assert finished.status == 1
    assert "FAILED, it ran longer than job_timeout=8 seconds" in finished.out
    (_,), (child,) = by_kind(home)
    assert child.info.status in {"FAILED", "KILLED"}


def test_summary_by_hand(tmp_path: Path) -> None:
    for job, (variant, seed, loss, solved, rate) in enumerate(
        [("gru", 0, 0.1, 1.0, 0.1), ("gru", 1, 0.3, 0.0, 0.1), ("gru", 0, 0.5, 0.0, 0.2)]
    ):
        folder = tmp_path / str(job)
        folder.mkdir()
        Result(
            name="",
            variant=variant,
            task="adding",
            length=50,
            seed=seed,
            chance=1 / 6,
            overrides=[],
            folder=str(folder),
            num_params=12,
            status="FINISHED",
            metrics={"test/loss": loss, "test/solved": solved, "diverged": 0.0}
            | ({"steps_to_solve": 300.0} if solved else {}),
        ).write()
        params = {"train.steps": "500", "optimizer.lr": str(rate), "seed": str(seed)}
        params |= {"chance": str(1 / 6), "num_params": "12"}
        Manifest("rnnlab", folder.name, {}, params, started=0).write(folder)
    (tmp_path / "3").mkdir()
    (tmp_path / "4").mkdir()
    RunFolder(tmp_path / "4").superseded.touch()
    summary = summarise(SweepFolder(tmp_path))
    assert summary.num_jobs == 4
    (failed,) = summary.failed
    assert str(failed) == f"job 3: it was not started; see {tmp_path / '3'}"
    header, _, *rows = [
        [entry.strip() for entry in line.strip("|").split("|")]
        for line in summary.markdown().splitlines()
        if line.startswith("|")
    ]
    assert header == ["variant", "length", "solved (95 %)", "steps", "loss", "chance"]
    low, high = wilson(1, 2)
    solved = f"1 of 2 [{low:.2f}, {high:.2f}]"
    expected = [
        ["gru optimizer.lr=0.1", "50", solved, "300", "0.1 solved", "0.1667"],
        ["gru optimizer.lr=0.2", "50", "0 of 1 [0.00, 0.79]", "> 500", "0.5", "0.1667"],
    ]
    read, wanted = (["".join(column) for column in zip(*t, strict=True)] for t in (rows, expected))
    # A terminal is too narrow for it: entries go on in further lines.
    assert [c.replace(" ", "") for c in read] == [c.replace(" ", "") for c in wanted]
    text = " ".join(summary.markdown().split())
    assert text.startswith(
        "gru optimizer.lr=0.1 solved adding at 50 in 1 of 2 seeds; gru optimizer.lr=0.2 in none of 1 "
        "(at chance)."
    )
    assert "(at chance). 1 of 4 jobs not begun; they are listed below. | variant" in text
    assert "Jobs without a result: - job 3: it was not started" in text


def test_a_job_in_a_folder_below_another_is_called_by_what_it_is(tmp_path: Path) -> None:
    """By its place in the list, `s/0`, whatever the last part of that is."""
    folder, listed = SweepFolder(tmp_path), JobList()
    listed.add({f"s/{seed}": ({"seed": str(seed)}, [f"seed={seed}"]) for seed in range(2)})
    listed.write(folder)
    labels = Labels(listed.overrides.values())
    summary = summarise(folder, labels, asked=listed.overrides)
    assert [job.name for job in summary.failed] == ["job s/0 (seed=0)", "job s/1 (seed=1)"]


@pytest.mark.slow
def test_a_sweep_over_a_set_of_data_has_its_own_report(
    command: Command, home: Path, figures: None
) -> None:
    """By loss and error beside chance; nobody solved or did not solve anything."""
    few = (*(o for o in FAST if not o.startswith(("eval.", "task."))), "diagnostics=omega")
    finished = command("-m", "task=digits", "cell=elman,gru", "seed=0,1", *few)
    assert finished.status == 0, finished.err
    folder = SweepFolder(home / "outputs" / "sweep")
    text = (folder.report / "report.md").read_text().partition("## Method")[0]
    assert "digits at 64: little or nothing was learnt, all losses are above 95 % of chance" in text
    assert "chance is 2.303, with 90 % wrong." in text
    assert "solved" not in text.replace("was solved keeps its last value", "")
    for name in ("report.html", "comparison.csv", "figures/learning_curves.png"):
        assert (folder.report / name).stat().st_size > 100
    assert "digits at 64" in folder.summary.read_text()
    assert "digits at 64" in finished.out
    runs = [run for run in by_kind(home)[1] if run.data.params["task"] == "digits"]
    assert len(runs) == 4
    for run in runs:
        (given,) = run.inputs.dataset_inputs
        assert given.dataset.name == "digits"
