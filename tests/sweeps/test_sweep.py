"""Sweeps: the parent and its children, one failed job, the table."""

import re
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml

from rnnlab.foundation.run_folder import RunFolder, SweepFolder
from rnnlab.foundation.statistics import bootstrap_mean, wilson
from rnnlab.report.rows import HEADER
from rnnlab.sweeps.composed_once import ComposedOnce
from rnnlab.sweeps.summary import summarise
from rnnlab.tracking.manifest import Manifest
from rnnlab.tracking.result import Result
from tests.support.command import QUICK, SMALL, Command, client
from tests.support.journals import points_in_order

FAST = (*QUICK, *SMALL, "tracking.log_model=false", "hydra.sweep.dir=outputs/sweep")


def by_kind(home: Path) -> tuple[list, list]:
    runs = client(home).search_runs(["1"])
    parents = [run for run in runs if run.data.tags["rnnlab.kind"] == "sweep"]
    children = [run for run in runs if run.data.tags["rnnlab.kind"] == "run"]
    return parents, children


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
    rows = [
        [entry.strip() for entry in line.strip("|").split("|")]
        for line in finished.out.splitlines()
        if line.startswith("|")
    ]
    assert [row[:4] for row in rows[2:]] == [
        ["elman", "adding", "10", "0 of 2 [0.00, 0.66]"],
        ["elman", "temporal_order", "10", "0 of 2 [0.00, 0.66]"],
        ["gru", "adding", "10", "0 of 2 [0.00, 0.66]"],
        ["gru", "temporal_order", "10", "0 of 2 [0.00, 0.66]"],
    ]
    losses = [
        run.data.metrics["test/loss"]
        for run in children
        if (run.data.params["cell"], run.data.params["task"]) == ("elman", "adding")
    ]
    assert float(rows[2][5].split()[0]) == pytest.approx(sum(losses) / 2, rel=1e-3)
    assert all((home / "outputs" / "sweep" / str(job)).is_dir() for job in range(8))


def test_a_failing_job_is_one_failing_job(command: Command, home: Path) -> None:
    finished = command("-m", "cell=elman", "cell.hidden_size=3,-1,4", "seed=0", *FAST)
    assert finished.status == 1
    (parent,), children = by_kind(home)
    assert parent.info.status == "FAILED"
    assert parent.data.metrics == {"sweep/jobs": 3, "sweep/failed": 1}
    assert [run.info.status for run in children] == ["FINISHED", "FINISHED"]
    assert "1 of 3 jobs failed" in finished.out
    assert re.search(
        r"job 1 \(cell\.hidden_size=-1\): .*cell\.hidden_size=-1 is too small",
        finished.out,
    )
    assert "elman cell.hidden_size=3" in finished.out  # what differs tells the rows apart


def test_a_typo_in_one_job_costs_no_other(command: Command, home: Path) -> None:
    finished = command("-m", "cell=elman,grue", *FAST)
    assert finished.status == 2
    assert "cell=grue is unknown: did you mean gru?" in finished.err
    (parent,), children = by_kind(home)
    assert parent.info.status == "FAILED"
    assert children == []


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


def test_a_used_folder_and_twins_are_refused(command: Command, home: Path) -> None:
    twins = command("-m", "cell=elman,elman_clipped", "clip=norm", *FAST[:-1])
    assert twins.status == 2
    assert "jobs 0 and 1 of the sweep are the same run" in twins.err
    assert command("-m", "seed=0", *FAST).status == 0
    again = command("-m", "seed=1", *FAST)
    assert again.status == 2
    assert "outputs/sweep holds another sweep: its job 0 has seed=0, not seed=1" in again.err
    single = command(*QUICK, *SMALL, "hydra.run.dir=outputs/sweep/0", "cell=gru")
    assert single.status == 2
    assert "holds a run already" in single.err


def test_a_job_is_composed_once_for_sweeper_and_launcher() -> None:
    class Loader:
        composed: ClassVar[list[list[str]]] = []

        def load_sweep_config(self, master_config: Any, sweep_overrides: list[str]) -> list[str]:
            self.composed.append(sweep_overrides)
            return [*sweep_overrides]

        def ending(self) -> str:
            return "asked of the loader itself"

    loader: Any = Loader()
    composed: Any = ComposedOnce(loader)
    for words in (["seed=0"], ["seed=1"]):
        first = composed.load_sweep_config({}, words)
        assert first == words
        assert composed.load_sweep_config({}, words) is first
    assert loader.composed == [["seed=0"], ["seed=1"]]
    assert composed.load_sweep_config({}, ["seed=0"]) == ["seed=0"]  # a third asker: composed anew
    assert len(loader.composed) == 3
    assert composed.ending() == "asked of the loader itself"


def test_resume_is_for_one_run(command: Command) -> None:
    finished = command("-m", "resume=a", "seed=0,1", *FAST)
    assert finished.status == 2
    assert finished.err.strip() == "resume=a goes on with one run: a sweep takes resume=auto"


@pytest.mark.parametrize("launcher", ["processes", "basic"])
def test_jobs_run_under_either_launcher(command: Command, home: Path, launcher: str) -> None:
    finished = command("-m", f"hydra/launcher={launcher}", "seed=0,1", *FAST)
    assert finished.status == 0, finished.err
    (parent,), children = by_kind(home)
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    assert "0 of 2" in finished.out


def test_a_job_alone_and_in_a_sweep_are_the_same_run(command: Command, home: Path) -> None:
    """The fork server changes no number."""
    command("-m", "seed=3", "cell=lstm", *FAST)
    command("seed=3", "cell=lstm", *FAST, "hydra.run.dir=alone")

    assert points_in_order(home / "outputs" / "sweep" / "0") == points_in_order(home / "alone")


ODD = "# Odd\ndefaults:\n  - default\nprecision: 64-true\ndeterministic: true\n"


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


def test_a_failed_job_takes_its_process_with_it(command: Command, home: Path) -> None:
    sizes = "cell.hidden_size=3,-1,4,5"
    finished = command("-m", "cell=elman", sizes, "hydra.launcher.n_jobs=1", *FAST)
    assert finished.status == 1
    assert "FAILED, ConfigError: cell.hidden_size=-1 is too small" in finished.out
    runs = [home / "outputs" / "sweep" / str(job) / "result.json" for job in (0, 2, 3)]
    assert all(Result.read(path.parent).status == "FINISHED" for path in runs)


BROKEN = """
from rnnlab.cells.lstm import LSTMCell
class Broken(LSTMCell):
    def forward(self, inputs, state=None):
        if self.hidden_size == 4:
            raise RuntimeError("first line\\nand second")
        return super().forward(inputs, state)
"""


def test_what_a_job_raised_in_training_is_told(command: Command, home: Path) -> None:
    (home / "broken.py").write_text(BROKEN)
    own = ("--config-dir", ".", "allow_targets=[broken]", "cell._target_=broken.Broken")
    finished = command("-m", *own, "cell.hidden_size=3,4", *FAST)
    assert finished.status == 1
    assert "FAILED, RuntimeError: first line and second\n" in finished.out
    assert "and second; see" in finished.out


def test_n_jobs_and_timeout(command: Command, home: Path) -> None:
    endless = ("train.steps=1000000", "train.stop_when_solved=false")
    finished = command("-m", "seed=0", *FAST, *endless, "hydra.launcher.job_timeout=8")
    assert finished.status == 1
    assert "FAILED, it ran longer than job_timeout=8 seconds" in finished.out
    (_,), (child,) = by_kind(home)
    assert child.info.status in {"FAILED", "KILLED"}
    for override, message in {
        "hydra.launcher.n_jobs=0": "hydra.launcher.n_jobs=0 is too small: at least 1",
        "hydra.launcher.job_timeout=-1": "hydra.launcher.job_timeout=-1 is out of bounds",
    }.items():
        refused = command("-m", "seed=0", *FAST[:-1], override)
        assert refused.status == 2
        assert message in refused.err


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
    header, _, slow, fast = [
        [entry.strip() for entry in line.strip("|").split("|")]
        for line in summary.table().splitlines()
    ]
    assert [*header, "failed"] == list(HEADER)  # those that failed have no row
    low, high = wilson(1, 2)
    least, most = bootstrap_mean([0.1, 0.3])
    assert slow == [
        *("gru optimizer.lr=0.1", "adding", "50", f"1 of 2 [{low:.2f}, {high:.2f}]", "300"),
        *(f"0.2 [{least:.4g}, {most:.4g}]", "0.1667", "12", "-", "0"),
    ]
    assert fast[0] == "gru optimizer.lr=0.2"
    assert fast[4:6] == ["> 500", "0.5"]  # one seed has no interval
