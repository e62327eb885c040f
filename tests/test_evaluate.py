"""python -m rnnlab.evaluate. Oracles: a run that was asked at once, and its checkpoint scored by hand."""

import errno
import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mlflow import MlflowClient

from rnnlab.evaluate import main
from rnnlab.report.read_runs import read_runs
from rnnlab.report.select_runs import runs_of_ids
from rnnlab.runs.reevaluation import record
from rnnlab.runs.reopen import load_module
from rnnlab.tracking.journal import Journal
from rnnlab.tracking.manifest import Manifest
from rnnlab.tracking.result import Result
from rnnlab.training.evaluation import Evaluation
from tests.support.command import QUICK, SMALL, Command, called, client, made_run, result_of
from tests.support.servers import free_port

RUN = ("cell=gru", "cell.hidden_size=4", *QUICK, *SMALL)
COPY = ("task=copy_memory", "task.delay=10", *(w for w in RUN if not w.startswith("task.")))
LOOKS = ("diagnostics=[lyapunov,omega]",)


@pytest.fixture
def evaluate(
    home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Command:
    """`python -m rnnlab.evaluate` with these words, in `home`."""
    return lambda *words: called(main, ["rnnlab.evaluate", *words], monkeypatch, capfd)


@pytest.fixture
def trained(command: Command, home: Path) -> Result:
    """A run of four updates."""
    assert command(*RUN).status == 0
    return result_of(home)


@pytest.fixture(scope="module")
def shared_run(shared_home: Path) -> Result:
    """The same, of which nothing is written."""
    return made_run(shared_home, *RUN)


def stored(store: MlflowClient, run_id: str, start: str = "") -> dict[str, list[tuple[int, float]]]:
    """All points of the metrics whose names begin so."""
    keys = [key for key in store.get_run(run_id).data.metrics if key.startswith(start)]
    return {key: [(p.step, p.value) for p in store.get_metric_history(run_id, key)] for key in keys}


def re_match(pattern: str, text: str) -> bool:
    return re.match(pattern, text) is not None


def files(folder: Path) -> dict[str, bytes]:
    """But for logs, to which the process of the run before still writes."""
    paths = (p for p in folder.rglob("*") if p.is_file() and p.suffix != ".log")
    return {str(p.relative_to(folder)): p.read_bytes() for p in paths}


@pytest.mark.parametrize(
    ("words", "seq_len"),
    [
        (RUN, 20),
        pytest.param(COPY, 40, marks=pytest.mark.slow),
        *(
            pytest.param((*RUN, f"trainer.precision={kind}"), 20, marks=pytest.mark.slow)
            for kind in ("64-true", "bf16-true", "bf16-mixed")
        ),
    ],
)
def test_other_lengths_are_those_of_a_run_that_was_asked_for_them(
    words: tuple[str, ...], seq_len: int, command: Command, evaluate: Command, home: Path
) -> None:
    """To the bit, under the same names and the same step; in its folder and in its store."""
    assert command(*words, f"eval.lengths=[{seq_len}]", "hydra.run.dir=asked").status == 0
    assert command(*words, "hydra.run.dir=later").status == 0
    asked, later = (Result.read(home / name) for name in ("asked", "later"))
    for _ in range(2):  # asked again, it is no other
        ended = evaluate("run=later", "task.length=20")
        assert (ended.status, ended.err) == (0, "")
    assert f"length/{seq_len}/error" in ended.out
    task = load_module(home / "later/checkpoints/best.ckpt").task.at_length(seq_len)
    error = "" if task.chance_error is None else f", error {task.chance_error:.2%}"
    steps = "" if seq_len == 20 else f" ({seq_len} steps)"
    assert f"chance {task.chance:.4g}{error} at 20{steps}\n" in ended.out
    wanted, found = (stored(client(home), r.run_id, "length/") for r in (asked, later))
    assert found == wanted != {}
    assert Result.read(home / "later").metrics.keys() == asked.metrics.keys()
    points = [p for p in Journal(home / "later" / "metrics.jsonl") if p.key in wanted]
    assert {p.key: [(p.step, p.value)] for p in points} == wanted


@pytest.mark.parametrize("folder", [pytest.param(True, marks=pytest.mark.slow), False])
def test_diagnostics_are_those_of_a_run_that_had_them(
    folder: bool, command: Command, evaluate: Command, home: Path
) -> None:
    with_looks = [word for word in RUN if word != "diagnostics=none"]
    assert command(*with_looks, *LOOKS, "hydra.run.dir=had").status == 0
    assert command(*RUN, "hydra.run.dir=later").status == 0
    had, later = (Result.read(home / name) for name in ("had", "later"))
    if not folder:
        shutil.move("later", "moved")
    ended = evaluate(f"run={later.run_id}", *LOOKS)
    assert (ended.status, ended.err) == (0, "")
    wanted, found = (stored(client(home), r.run_id, "recurrent/") for r in (had, later))
    assert found == {key: points[-1:] for key, points in wanted.items()} != {}
    place = client(home).download_artifacts(later.run_id, "evaluated/run/lyapunov.npz", str(home))
    looks = [np.load(path)["exponents"] for path in (place, "had/diagnostics/lyapunov.npz")]
    assert np.array_equal(looks[0][0], looks[1][-1])
    assert (home / "later" / "evaluated").exists() == folder


def test_a_run_is_opened_from_its_store_alone(
    trained: Result, evaluate: Command, home: Path
) -> None:
    """As from its folder, to the bit; the store has the best checkpoint alone."""
    assert evaluate(f"run={trained.folder}", "task.length=20", "name=here").status == 0
    shutil.move(trained.folder, "moved")
    ended = evaluate(f"run={trained.run_id}", "task.length=20", "name=there")
    assert (ended.status, ended.err) == (0, "")
    here, there = (
        {key.replace(name, ""): points for key, points in metrics.items()}
        for name in ("here", "there")
        for metrics in [stored(client(home), trained.run_id, f"evaluated/{name}/")]
    )
    assert here == there != {}
    last = evaluate(f"run={trained.run_id}", "checkpoint=last")
    assert last.status == 2
    assert last.err.startswith("checkpoint=last is in the run's folder, ")


@pytest.mark.parametrize(
    ("words", "label", "checkpoint", "changes"),
    [
        (["eval.seed=7"], "eval.seed:7", "best", {"seed": 7}),
        pytest.param(["checkpoint=last"], "checkpoint:last", "last", {}, marks=pytest.mark.slow),
        (["checkpoint=last", "eval.seed=1", "name=mine"], "mine", "last", {"seed": 1}),
        ([], "again", "best", {}),
    ],
)
def test_what_the_run_would_not_have_measured_is_called_by_what_differs(
    words: list[str],
    label: str,
    checkpoint: str,
    changes: dict[str, Any],
    trained: Result,
    evaluate: Command,
    home: Path,
) -> None:
    """Oracle: that checkpoint, scored by hand."""
    before = stored(client(home), trained.run_id)
    assert evaluate(f"run={trained.folder}", *words).status == 0
    module = load_module(Path(trained.folder, "checkpoints", f"{checkpoint}.ckpt"))
    settings = replace(module.evaluation.settings, **changes)
    with torch.inference_mode():
        wanted = Evaluation(module.task, settings).test_on(module.model, module.task, "test")
    found = stored(client(home), trained.run_id)
    new = {key: found.pop(key) for key in [*found] if key not in before}
    assert new == {f"evaluated/{label}/{key}": [(4, value)] for key, value in wanted.items()}
    assert found == before


def test_a_store_that_is_down_gets_the_answer_later(
    command: Command, evaluate: Command, sync: Command, home: Path
) -> None:
    down = f"http://127.0.0.1:{free_port()}"
    assert command(*RUN, f"tracking.uri={down}", "hydra.run.dir=run").status == 0
    ended = evaluate("run=run", "task.length=20")
    assert ended.status == 0
    assert ended.err.startswith("MLflow has not got it yet, rnnlab.sync delivers it: tracking.uri=")
    answered = {k: v for k, v in Result.read(home / "run").metrics.items() if k[:7] == "length/"}
    assert answered
    assert sync("run", "--uri", f"sqlite:///{home}/mlflow.db").status == 0
    run_id = Result.read(home / "run").run_id
    assert stored(client(home), run_id, "length/") == {k: [(4, v)] for k, v in answered.items()}


@pytest.mark.slow
def test_in_a_process_of_its_own(trained: Result, home: Path) -> None:
    """Whose Hydra nobody else has set up."""
    words = ["-m", "rnnlab.evaluate", f"run={trained.folder}", "diagnostics=lyapunov"]
    more = ["diagnostics.lyapunov.count=2"]
    done = subprocess.run(
        [sys.executable, *words, *more], check=False, cwd=home, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    name = "evaluated/diagnostics.lyapunov.count:2/recurrent/lyapunov_max"
    assert name in client(home).get_run(trained.run_id).data.metrics


@pytest.mark.slow
def test_a_run_that_trains_on_keeps_what_its_model_had_answered(
    trained: Result, command: Command, evaluate: Command, home: Path
) -> None:
    """By a name of its own; what another model has answered since, a report does not show as this one's."""
    for words in (["task.length=20"], ["name=mine"], ["name=seen", "diagnostics=omega"]):
        assert evaluate(f"run={trained.folder}", *words).status == 0
    asked = stored(client(home), trained.run_id, "evaluated/")
    (before,) = read_runs(client(home), runs_of_ids(client(home), [trained.run_id]))
    assert "length/20/error" in before.metrics
    assert command(f"resume={trained.folder}", "train.steps=8").status == 0
    assert stored(client(home), trained.run_id, "evaluated/") == asked
    now = Result.read(Path(trained.folder))
    assert {key: [(4, now.metrics[key])] for key in asked} == asked
    assert "evaluated" in Manifest.read(Path(trained.folder)).artifacts
    (after,) = read_runs(client(home), runs_of_ids(client(home), [trained.run_id]))
    assert "length/20/error" not in {*after.metrics, *now.metrics}
    assert evaluate(f"run={trained.folder}", "task.length=20").status == 0
    (again,) = read_runs(client(home), runs_of_ids(client(home), [trained.run_id]))
    assert "length/20/error" in again.metrics


@pytest.mark.parametrize("write", ["Manifest.write", "Result.write", "try_to_write"])
def test_what_a_kill_leaves_undone_the_same_question_makes_whole(
    write: str, trained: Result, evaluate: Command, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Oracle: the same question of a copy, undisturbed."""

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    shutil.copytree(trained.folder, "whole")
    words = ("task.length=20", "tracking.uri=" + trained.tracking_uri)
    with monkeypatch.context() as patched:
        patched.setattr(f"rnnlab.tracking.addition.{write}", killed)
        with pytest.raises(KeyboardInterrupt):
            main([f"run={trained.folder}", *words])
    assert evaluate(f"run={trained.folder}", *words).status == 0
    metrics = Result.read(Path(trained.folder)).metrics
    wanted = {k: [(4, v)] for k, v in metrics.items() if k.startswith("length/")}
    assert stored(client(home), trained.run_id, "length/") == wanted != {}
    assert Result.read(Path(trained.folder)).delivered
    ended = evaluate("run=whole", "task.length=40")  # the run has gone on where it is now
    assert ended.status == 2
    assert "whole" in ended.err


def test_a_full_disk_keeps_nothing_of_it(
    trained: Result, evaluate: Command, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files(Path(trained.folder))
    with monkeypatch.context() as patched:
        patched.setattr("rnnlab.tracking.journal._append", full)
        ended = evaluate(f"run={trained.folder}", "task.length=20", "name=mine")
    assert ended.status == 2
    assert "cannot be written" in ended.err
    assert files(Path(trained.folder)) == before


def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.slow
def test_a_run_that_is_trained_on_meanwhile_is_not_written_to(
    trained: Result, evaluate: Command, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile(found: object) -> str:
        assert command(f"resume={trained.folder}", "train.steps=8").status == 0
        return record(found)  # pyrefly: ignore[bad-argument-type]

    monkeypatch.setattr("rnnlab.runs.reevaluation.record", meanwhile)
    ended = evaluate(f"run={trained.folder}", "task.length=20")
    assert ended.status == 2
    assert "has been trained on meanwhile: ask it again" in ended.err
    assert not any(key.startswith("length/") for key in Result.read(Path(trained.folder)).metrics)


@pytest.mark.slow
def test_a_diagnostic_of_ones_own(trained: Result, evaluate: Command, home: Path) -> None:
    """Oracle: a hand count."""
    (home / "mine" / "diagnostics").mkdir(parents=True)
    (home / "mine" / "counted.py").write_text(COUNTED)
    (home / "mine" / "diagnostics" / "counted.yaml").write_text("_target_: counted.Counted\n")
    words = [f"run={trained.folder}", "diagnostics=counted", "allow_targets=[counted]"]
    done = subprocess.run(
        [sys.executable, "-m", "rnnlab.evaluate", "--config-dir", "mine", *words],
        check=False,
        cwd=home,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    run = client(home).get_run(trained.run_id)
    assert run.data.metrics["own/parameters"] == trained.num_params
    assert json.loads(run.data.tags["rnnlab.reported"]) == {"own/parameters": "parameters"}


COUNTED = """
from dataclasses import dataclass
from typing import ClassVar

from rnnlab.diagnostics import Diagnostic, Measurement


@dataclass(frozen=True)
class Counted(Diagnostic):
    reported: ClassVar = {"own/parameters": "parameters"}

    def measure(self, probe):
        return Measurement({"own/parameters": float(probe.model.num_params)}, {})

    def draw(self, axes, first, last):
        pass
"""


def test_two_answers_of_one_name_are_refused(
    trained: Result, evaluate: Command, home: Path
) -> None:
    """And nothing of the second is kept."""
    assert evaluate(f"run={trained.folder}", "name=mine").status == 0
    folder, store = files(Path(trained.folder)), stored(client(home), trained.run_id)
    ended = evaluate(f"run={trained.folder}", "name=mine", "eval.seed=3")
    assert ended.status == 2
    assert ended.err.startswith("the run has evaluated/mine/test/")
    assert "name=... keeps both" in ended.err
    assert files(Path(trained.folder)) == folder
    assert stored(client(home), trained.run_id) == store


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["eval.seed=1"], "run=... is missing: the folder of a run, or its id in MLflow"),
        (
            ["run=nowhere"],
            "run=nowhere: there is no such folder, and it is no id of a run in MLflow",
        ),
        (["run=" + 32 * "0"], "run=" + 32 * "0" + ": .*not found"),
        (["run=RUN", "cell.hidden_size=8"], "cell.hidden_size cannot be asked of a run that has"),
        (["run=RUN", "eval.sed=1"], "eval.sed is no key of the run: did you mean seed?"),
        (["run=RUN", "task.lenth=1"], "task.lenth is no key of the run: did you mean length?"),
        (["run=RUN", "task.seqlen=1"], "task.seqlen is no key of the run: did you mean seq_len?"),
        (["run=RUN", "eval.seed=0,1"], "eval.seed=0,1 has several values"),
        (["run=RUN", "eval.seed=0", "eval.seed=1"], "eval.seed is set twice"),
        (["RUN"], r"\S+ is no key=value: run=\S+ if it is the run that is asked"),
        (["run=RUN", "+eval.more=1"], r"\+eval.more=1: a run that has finished has its keys"),
        (["run=RUN", "checkpoint=first"], "checkpoint=first is not allowed. Allowed: best, last"),
        (["run=RUN", "task.length=0"], "task.length=0 is "),
        (["run=RUN", "task.length=ten"], "task.length='?ten'? is "),
        (["run=RUN", "task.length=1"], "task.seq_len=1 is too short"),
        (["run=RUN", "diagnostics=lyapunof"], "diagnostics=lyapunof: "),
        (["run=RUN", "eval.sequences=2"], "eval.sequences=2 cannot show"),
        (["run=RUN", "eval.lengths=[20]"], "eval.lengths: task.length=200,400 evaluates"),
        (["run="], "run=... is missing"),
        (
            ["run=RUN/checkpoints/last.ckpt"],
            "run=.*last.ckpt is a checkpoint: name the run's folder",
        ),
        (["run=RUN", "eval.val_sequences=9"], "eval.val_sequences: nothing is validated"),
        (["run=RUN", "task.length=20", "diagnostics=omega"], "task.length and diagnostics are two"),
        (
            ["run=RUN", "diagnostics=omega", "eval.sequences=500"],
            "eval.sequences counts what a test",
        ),
        (["run=RUN", "diagnostics=none"], "diagnostics=none chooses none"),
        (["run=RUN", "task=copy_memory"], "task=... is what the run was: task.KEY=... asks"),
        (["run=RUN", "task.length=interval(1,9)"], "task.length=interval.* cannot be read"),
        (
            ["run=RUN", "task.seq_len=2000000000"],
            "eval.batch_size=200 sequences of 2000000000 steps",
        ),
        (["run=RUN", "tracking.uri=sqlite:///other.db"], "tracking.uri=sqlite:.* is not the run's"),
        (["run=RUN", "name=../up"], "name=../up cannot be used: letters"),
        (["run=RUN", "name=run"], "name=run cannot be used: .* run is taken"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_a_line(
    words: list[str],
    message: str,
    shared_run: Result,
    shared_home: Path,
    evaluate: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Exit 2, nothing written."""
    monkeypatch.chdir(shared_home)
    before = files(shared_home)
    ended = evaluate(*(word.replace("RUN", shared_run.folder) for word in words))
    assert ended.status == 2
    assert ended.out == ""
    assert re_match(message, ended.err), ended.err
    assert ended.err.count("\n") == 1
    assert files(shared_home) == before
