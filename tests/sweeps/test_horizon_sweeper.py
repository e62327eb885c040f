"""Horizons of a task that is solved, by construction, up to a length known for each seed."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from filelock import FileLock
from mlflow.entities import Run

from rnnlab.tracking.result import Result
from tests.support.command import QUICK, SMALL, Command, Finished, client
from tests.support.processes import HANG, wait_for

WALL = '''
"""Solved up to limits[seed]; a seed without a limit raises; a file `wait` holds all but 10 up."""

import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from rnnlab.tasks import Batch, Task


@dataclass(frozen=True)
class Wall(Task):
    seq_len: int = 10
    seed: int = 0
    limits: list[int] = field(default_factory=list)
    input_size = output_size = 1
    chance = 1.0

    def __post_init__(self):
        if self.seq_len < 3:
            raise ValueError(f"seq_len={self.seq_len} is too short: at least 3")

    def sample(self, draws):
        inputs = draws.uniform(self.seq_len, 1)
        return Batch(inputs, inputs[:, -1:])

    def loss(self, outputs, targets):
        return (outputs - targets).square().mean()

    def errors(self, outputs, targets):
        while self.seq_len > 10 and len(outputs) > 17 and Path("wait").exists():
            time.sleep(0.05)
        if self.seed >= len(self.limits) and len(outputs) > 17:  # not where the task is tried
            raise IndexError(f"list index {self.seed} out of range")
        solved = self.seed < len(self.limits) and self.seq_len <= self.limits[self.seed]
        return torch.full((len(outputs),), not solved)

    def at_length(self, seq_len):
        return replace(self, seq_len=seq_len)
'''
YAML = "# A wall\n_target_: wall.Wall\nseq_len: 10\nseed: ${seed}\nlimits: [25, 10, 40]\n"

FAST = (
    *("--config-dir", ".", "-m", "allow_targets=[wall]", "hydra/sweeper=horizon", "task=wall"),
    *("cell=elman", *QUICK, *SMALL[:-1], "tracking.log_model=false", "hydra.sweeper.seeds=3"),
    "hydra.sweeper.confirm=0",
    "hydra.sweep.dir=outputs/sweep",
)
BASIC = "hydra/launcher=basic"
PARAMS = "hydra.sweeper.params={task.limits:'[9],[99]'}"


def without(key: str, words: Iterable[str]) -> list[str]:
    """A sweep is not to be given a key twice."""
    return [word for word in words if not word.startswith(f"{key}=")]


@pytest.fixture
def wall(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The task of one's own, importable while the test lasts."""
    (home / "wall.py").write_text(WALL, encoding="utf-8")
    (home / "task").mkdir()
    (home / "task" / "wall.yaml").write_text(YAML, encoding="utf-8")
    monkeypatch.setenv("COLUMNS", "200")  # the table of horizons stays one
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "wall", raising=False)
    return home


def runs(home: Path, kind: str) -> list[Run]:
    return client(home).search_runs(["1"], f"tags.`rnnlab.kind` = '{kind}'")


def probed(children: list[Run]) -> list[tuple[int, int]]:
    """Length and seed of each run."""
    params = [run.data.params for run in children]
    return sorted((int(param["task.seq_len"]), int(param["seed"])) for param in params)


def rows(finished: Finished) -> list[list[str]]:
    """Those of the table of horizons, the last that is printed; an entry may go on in the next."""
    _, _, table = finished.out.rpartition("| variant ")
    found: list[list[str]] = []
    for line in table.partition("\n\n")[0].splitlines()[2:]:
        assert len(line) <= 80
        entries = [entry.strip() for entry in line.strip("|").split("|")]
        if all(entries):
            found.append(entries)
        else:
            found[-1] = [f"{a} {b}".strip() for a, b in zip(found[-1], entries, strict=True)]
    return found


@pytest.mark.slow
def test_the_horizon_of_half_of_the_seeds(command: Command, wall: Path) -> None:
    """Two of three seeds solve up to 25, and with three more four of six; two of six solve 30.

    The interval, by twice the log likelihood ratio: 6 of 9 at 20 and 25 are no proof against a
    crossing below 20 (1.02), nor 3 of 9 at 30 and 40 against one beyond 40 (1.02); with 0 of 3 at 80
    too they reject one beyond 80 (5.2).
    """
    search = (*without("hydra.sweeper.confirm", FAST), BASIC, "task.limits=[25,10,40,25,10,30]")
    finished = command(*search, "hydra.sweeper.start=20", "hydra.sweeper.tolerance=0.2")
    assert finished.status == 0, finished.err
    lengths = "20:2/3 40:1/3 80:0/3 30:2/6 25:4/6"
    assert rows(finished) == [["elman", "wall", "27 [0, 80]", "25 to 30", lengths]]
    answer = "Horizons on wall (95 %): elman 27 [0, 80]."
    assert f"\n\n{answer}\n\n" in finished.out
    probe = "how many seeds solved it, of those run with at most 4 updates each."
    assert probe in " ".join(finished.out.split())
    (parent,) = runs(wall, "sweep")
    assert parent.info.status == "FINISHED"
    assert parent.data.metrics == {
        "memory/horizon/elman": 27,
        "memory/horizon_low/elman": 0,
        "memory/horizon_high/elman": 80,
        "memory/horizon_solved/elman": 25,
        "memory/horizon_unsolved/elman": 30,
        "sweep/jobs": 5 * 3 + 2 * 3,
        "sweep/failed": 0,
    }
    report = (wall / "outputs" / "sweep" / "report" / "report.md").read_text("utf-8")
    assert report.splitlines()[2] == answer
    (sentence,) = re.findall("^A horizon is an estimate: .*$", report, re.MULTILINE)
    assert "the length that half of the seeds solve" in sentence
    assert parent.data.tags["mlflow.note.content"].startswith(answer)
    assert "Missing" not in report
    assert parent.data.params["train.steps"] == "4"
    assert parent.data.params["hydra.sweeper.seeds"] == "3"
    children = runs(wall, "run")
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    seeds = {20: 3, 25: 6, 30: 6, 40: 3, 80: 3}
    assert probed(children) == [
        (length, seed) for length, of in seeds.items() for seed in range(of)
    ]
    found = json.loads((wall / "outputs" / "sweep" / "horizon.json").read_text("utf-8"))
    assert found["confirm"] == 3
    (horizon,) = found["horizons"]
    ends = [horizon[name] for name in ("horizon", "low", "high", "solved", "unsolved")]
    assert ends == [27, 0, 80, 25, 30]
    assert {probe["length"]: probe["seeds"] for probe in horizon["probes"]} == seeds
    stored = {item.path for item in client(wall).list_artifacts(parent.info.run_id)}
    assert stored == {
        *("horizon.json", "summary.md", "report.html", "report.md", "comparison.csv", "figures")
    }
    assert "report      outputs/sweep/report/report.html" in finished.out


@pytest.mark.slow
def test_combinations_searched_side_by_side(command: Command, wall: Path) -> None:
    """Every swept choice and `params` has a row; solved to the end and never solved are told."""
    finished = command(
        *(*FAST, BASIC, "cell.hidden_size=2,3", PARAMS),
        *("hydra.sweeper.seeds=1", "hydra.sweeper.longest=15", "hydra.sweeper.max_batch_size=3"),
    )
    assert finished.status == 0, finished.err
    assert {tuple(row) for row in rows(finished)} == {
        (f"elman task.limits={limits} cell.hidden_size={size}", "wall", *found)
        for size in (2, 3)
        for limits, found in {
            "[9]": ("under 10 [0 or more]", "0 to 10", "10:0/1 15:0/1"),
            "[99]": ("15 or more [0 or more]", "15 or more", "10:1/1 15:1/1"),
        }.items()
    }
    (parent,) = runs(wall, "sweep")
    metrics = parent.data.metrics
    assert metrics["memory/horizon/elman task.limits:_99_ cell.hidden_size:3"] == 15
    assert metrics["memory/horizon/elman task.limits:_9_ cell.hidden_size:2"] == 0
    assert metrics["memory/horizon_unsolved/elman task.limits:_9_ cell.hidden_size:2"] == 10
    assert len([key for key in metrics if "unsolved" in key]) == 2
    found = json.loads((wall / "outputs" / "sweep" / "horizon.json").read_text())["horizons"]
    assert [result["horizon"] for result in found] == [0, 0, 15, 15]


@pytest.mark.slow
def test_the_length_may_be_named_as_that_of_every_task(command: Command, home: Path) -> None:
    finished = command(
        *("-m", "hydra/sweeper=horizon", BASIC, "task=copy_memory,adding", *QUICK, *SMALL[:-1]),
        *("hydra.sweeper.key=task.length", "hydra.sweeper.seeds=1", "hydra.sweeper.start=4"),
        *("hydra.sweeper.longest=4", "tracking.log_model=false"),
    )
    assert finished.status == 0, finished.err
    params = [run.data.params for run in runs(home, "run")]
    assert {p.get("task.delay") or p["task.seq_len"] for p in params} == {"4"}


@pytest.mark.slow
def test_settings_change_the_search_and_a_lost_report_does_not(
    command: Command, wall: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("rnnlab.sweeps.report.report_sweep", lost)
    finished = command(
        *(*FAST, BASIC, "hydra.sweeper.start=24", "hydra.sweeper.solved_by=0.3"),
        *("hydra.sweeper.tolerance=0.5", "hydra.sweeper.longest=100"),
    )
    assert finished.status == 0
    assert finished.err.strip() == "no report in MLflow: OSError: disk full"
    lengths = "24:2/3 48:0/3 96:0/3 36:1/3"
    assert [row[2:5] for row in rows(finished)] == [["42 [0, 96]", "36 to 48", lengths]]


@pytest.mark.slow
def test_several_tasks_and_a_task_that_counts_its_delay(command: Command, home: Path) -> None:
    finished = command(
        *("-m", "hydra/sweeper=horizon", BASIC, "task=copy_memory,adding", *QUICK, *SMALL[:-1]),
        *("hydra.sweeper.seeds=1", "hydra.sweeper.start=4", "hydra.sweeper.longest=4"),
        "tracking.log_model=false",
    )
    assert finished.status == 0, finished.err
    (parent,) = runs(home, "sweep")
    assert parent.data.metrics["memory/horizon/lstm copy_memory"] == 0
    assert parent.data.metrics["memory/horizon_unsolved/lstm adding"] == 4
    lengths = {r.data.params["task"]: r.data.params["length"] for r in runs(home, "run")}
    assert lengths == {"copy_memory": "4", "adding": "4"}
    keys = {r.data.params["task"]: r.data.params.get("task.delay") for r in runs(home, "run")}
    assert keys == {"copy_memory": "4", "adding": None}


@pytest.mark.slow
def test_a_search_that_is_added_to(command: Command, wall: Path) -> None:
    """More cells, seeds and lengths: nothing is run twice, and what is found is of one at once."""
    limits = "task.limits=[25,10,40,25]"
    first = (*FAST, BASIC, limits, "hydra.sweeper.seeds=2", "hydra.sweeper.longest=20")
    assert command(*first).status == 0
    assert len(runs(wall, "run")) == 2 * 2 + 1  # at 20, which one of two solves, one seed more
    wider = [*without("cell", FAST), BASIC, limits, "cell=gru,elman"]
    wider = [*without("hydra.sweeper.confirm", wider), "hydra.sweeper.confirm=1"]
    wider += ["hydra.sweeper.longest=30", "hydra.sweeper.seeds=3"]
    added = command(*wider, "resume=auto")
    assert added.status == 0, added.err
    probes = "10:3/3 20:2/3 30:1/3 25:3/4 27:1/4"
    assert [(row[0], row[4]) for row in rows(added)] == [("gru", probes), ("elman", probes)]
    children = runs(wall, "run")
    assert len(children) == 2 * (5 * 3 + 2)
    assert {run.info.status for run in children} == {"FINISHED"}
    (parent,) = runs(wall, "sweep")
    assert parent.data.metrics["memory/horizon/gru"] == 26
    changes = parent.data.tags["rnnlab.changes"]
    grown = {"seeds": "2 -> 3", "longest": "20 -> 30", "confirm": "0 -> 1"}
    assert changes == "".join(f"hydra.sweeper.{key}: {how}\n" for key, how in grown.items())
    less = [f"hydra.sweeper.{key}={how.split()[0]}" for key, how in grown.items()]
    for fewer in ("cell=elman", *less):
        refused = command(*without(fewer.partition("=")[0], wider), fewer)
        assert refused.status == 2
        assert "holds another sweep: it has " in refused.err
    assert len(runs(wall, "run")) == len(children)


@pytest.mark.slow
def test_failed_jobs_that_could_turn_it_leave_a_length_undecided(
    command: Command, wall: Path
) -> None:
    """Of three seeds one solves 10, one does not, one has no limit and fails."""
    arguments = (*FAST, BASIC, "hydra.sweeper.longest=20")
    finished = command(*arguments, "task.limits=[99,9]")
    assert finished.status == 1
    lengths = "10:1/3 (1 failed)"
    assert [row[2:5] for row in rows(finished)] == [["-", "0 or more, undecided at 10", lengths]]
    assert (
        "failed jobs anew: the same command with\nhydra.sweep.dir=outputs/sweep\n" in finished.err
    )
    (parent,) = runs(wall, "sweep")
    assert not [key for key in parent.data.metrics if key.startswith("memory/")]
    assert parent.data.params["hydra.sweeper.solved_by"] == "0.5"
    report = (wall / "outputs" / "sweep" / "report" / "report.md").read_text("utf-8")
    assert "Horizons on wall (95 %): elman undecided at 10 (1 of 3 seeds, 1 failed)." in report


@pytest.mark.slow
def test_fail_fast_ends_the_search(command: Command, wall: Path) -> None:
    fast = ("hydra.launcher.fail_fast=true", "hydra.launcher.n_jobs=1", "cell=elman,gru")
    finished = command(*without("cell", FAST), *fast, "task.limits=[]")
    assert finished.status == 1
    assert finished.out.startswith("round 1: 6 probes, 1 at a time\n[round 1, probe 1] elman ")
    assert "1 of 6 jobs failed, 5 not begun:" in finished.out
    assert "- job 1 to 5: it was not started" in finished.out
    assert [row[3] for row in rows(finished)] == ["0 or more, unfinished"] * 2
    assert "hydra.sweep.dir=outputs/sweep resume=auto" in finished.out


@pytest.mark.slow
def test_failed_jobs_that_could_not_turn_it_do_not_matter(command: Command, wall: Path) -> None:
    finished = command(*FAST, BASIC, "task.limits=[99,99]", "hydra.sweeper.longest=20")
    assert finished.status == 1
    lengths = "10:2/3 (1 failed) 20:2/3 (1 failed)"
    assert [row[2:5] for row in rows(finished)] == [
        ["20 or more [10 or more]", "20 or more", lengths]
    ]
    assert re.search(
        r"job 2 .*task.seq_len=10 seed=2.*IndexError: .* out of range; see", finished.out
    )
    (parent,) = runs(wall, "sweep")
    assert parent.info.status == "FAILED"
    assert parent.data.metrics["sweep/failed"] == 2
    assert parent.data.metrics["memory/horizon/elman"] == 20


OF_EVERY_SWEEP = [
    ("hydra.sweep.subdir=x", "outputs/sweep/x would be the folder of several jobs"),
    ("hydra.sweep.subdir='${seed}'", "outputs/sweep/0 would be the folder of several jobs"),
    ("hydra.sweep.subdir=../x", "outputs/sweep/../x is not below hydra.sweep.dir="),
    ("hydra.sweep.subdir='report/${hydra.job.num}'", "is where the sweep's report goes"),
    ("cell=elmann", "cell=elmann is unknown: did you mean elman?"),
    ("cell.hidden_size=3,3", "are the same run: "),
    ("train.steps=0", "train.steps=0 is too small"),
    ("cell.hidden_size=-1", "cell.hidden_size=-1 is too small"),
    ("hydra.launcher.n_jobs=0", "hydra.launcher.n_jobs=0 is too small"),
    ("model.dropout=interval(0,1)", "model.dropout=interval(0,1) cannot be swept"),
]
"""What any sweep refuses, and with which words."""


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("hydra.sweeper.seeds=0", "hydra.sweeper.seeds=0 is too small: at least 1"),
        ("hydra.sweeper.start=0", "hydra.sweeper.start=0 is too small: at least 1"),
        ("hydra.sweeper.longest=9", "hydra.sweeper.longest=9 is too small: at least 10"),
        ("hydra.sweeper.tolerance=-1", "hydra.sweeper.tolerance=-1 is out of bounds: at least 0"),
        ("hydra.sweeper.solved_by=0", "hydra.sweeper.solved_by=0 is out of bounds: above 0"),
        ("hydra.sweeper.solved_by=1", "solved_by=1 is out of bounds: above 0.0 and below 1.0"),
        ("hydra.sweeper.confirm=-1", "hydra.sweeper.confirm=-1 is too small: at least 0"),
        ("hydra.sweeper.max_batch_size=0", "hydra.sweeper.max_batch_size=0 is too small"),
        (
            "hydra.sweeper.key=task.limits",
            "task.limits, the length of task=wall, is no whole number",
        ),
        ("hydra.sweeper.start=2", "task.seq_len=2 is too short: at least 3"),
        ("seed=0,1", "seed=0,1 is what the sweeper sets: choose with hydra.sweeper.seeds"),
        ("task.seq_len=20", "choose with hydra.sweeper.start and hydra.sweeper.longest"),
        ("task.length=20", "task.length=20 is what the sweeper sets: choose with hydra.sweeper.st"),
        *(pytest.param(*row, marks=pytest.mark.slow) for row in OF_EVERY_SWEEP),
    ],
)
def test_refused_before_anything_starts(
    command: Command, wall: Path, override: str, message: str
) -> None:
    before = set(wall.iterdir())
    finished = command(*FAST, override)
    assert finished.status == 2
    assert message in finished.err
    assert "Traceback" not in finished.err
    assert set(wall.iterdir()) - {wall / "__pycache__"} == before  # no folder, no store opened


def test_a_task_without_a_rate_has_no_horizon(command: Command, home: Path) -> None:
    refused = command("-m", "hydra/sweeper=horizon", "task=digits", "cell=gru")
    assert refused.status == 2
    assert "task=digits has no horizon: it has no error rate below which it counts" in refused.err
    assert refused.err.count("\n") <= 2
    assert not (home / "outputs").exists()


def _statuses(sweep: Path) -> list[str]:
    return sorted(Result.read(path.parent).status for path in sweep.glob("*/result.json"))


def _stop_at_20(home: Path, arguments: tuple[str, ...], signum: int) -> str:
    """Send the signal to the command once two jobs of length 20 are on their way."""
    (home / "wait").touch()
    sweep = home / "outputs" / "sweep"
    process = subprocess.Popen(
        [sys.executable, "-m", "rnnlab.run", *arguments, "hydra.launcher.n_jobs=2"],
        cwd=home,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        begun = [*["FINISHED"] * 3, *["RUNNING"] * 2]
        wait_for(lambda: [s for s in _statuses(sweep) if s != "KILLED"] == begun, every=0.1)
        process.send_signal(signum)
        _, err = process.communicate(timeout=HANG)
    finally:
        process.kill()
    # The jobs of a sweep that was killed do not train on.
    wait_for(lambda: "RUNNING" not in _statuses(sweep), every=0.1)
    (home / "wait").unlink()
    return err


@pytest.mark.slow
def test_the_same_command_goes_on(command: Command, wall: Path) -> None:
    """Killed at length 20, then stopped there: what was finished is never run again."""
    arguments = (*FAST, "hydra.sweeper.tolerance=1")
    sweep = wall / "outputs" / "sweep"
    _stop_at_20(wall, arguments, signal.SIGKILL)
    assert _statuses(sweep) == ["FINISHED"] * 3 + ["KILLED"] * 2
    (parent,) = runs(wall, "sweep")
    assert parent.info.status == "RUNNING"  # nobody could tell

    other = command(*FAST, "hydra.sweeper.tolerance=0.5", "train.block=1")
    assert other.status == 2
    assert "another sweep: it has hydra.sweeper.tolerance=1.0 train.block=2, not" in other.err
    with FileLock(sweep / ".lock"):
        busy = command(*arguments)
    assert busy.status == 2
    assert "outputs/sweep: the sweep in it is at work" in busy.err

    err = _stop_at_20(wall, arguments, signal.SIGTERM)
    assert "to go on: the same command with\nhydra.sweep.dir=outputs/sweep\n" in err
    (parent,) = runs(wall, "sweep")
    assert parent.info.status == "KILLED"
    assert not [key for key in parent.data.metrics if key.startswith("memory/")]

    finished = command(*arguments, BASIC, "hydra.sweeper.max_batch_size=2")
    assert finished.status == 0, finished.err
    lengths = "10:3/3 20:2/3 40:1/3 80:0/3"
    assert [row[2:5] for row in rows(finished)] == [["28 [10, 80]", "20 to 40", lengths]]
    (parent,) = runs(wall, "sweep")
    assert parent.info.status == "FINISHED"
    children = runs(wall, "run")
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    ended = [run for run in children if run.info.status == "FINISHED"]
    assert probed(ended) == [(length, seed) for length in (10, 20, 40, 80) for seed in range(3)]
    killed = [run for run in children if run.info.status == "KILLED"]
    assert len(children) == len(ended) + len(killed) == 12 + 4
    assert len(list(sweep.glob("*/superseded"))) == 2 * 3  # two begun and one waiting, twice

    again = command(*arguments)  # all is there
    assert (again.status, rows(again)) == (0, rows(finished))
    assert len(runs(wall, "run")) == len(children)
