"""SIGKILL at random moments, and the same command again. Oracle: the run that was left alone."""

import random
import signal
import subprocess
from pathlib import Path

import pytest

from rnnlab.tracking.result import Result
from tests.support.command import Command, client
from tests.support.faults import SOAR, TRAIN, Faults, cost
from tests.support.journals import count_lines, distinct_points
from tests.support.killed_runs import killed_after
from tests.support.processes import Spawn, kill, wait_for
from tests.support.weights import same_weights

LONG = (*TRAIN, "train.steps=1000", "train.stop_when_solved=false")
VARIANTS = {
    "elman with dropout": (
        *("cell=elman", "model.num_layers=2", "model.dropout=0.3", "train.recompute_steps=5"),
        *LONG,
    ),
    "lstm, clipped, schedule": ("cell=lstm", "clip=norm", "schedule=cosine", *LONG),
    "lstm, stopped early": (
        *("cell=lstm", "task=temporal_order", "optimizer.lr=0.01", *TRAIN, "train.steps=4000"),
    ),
    "gru, rmsprop": ("cell=gru", "optimizer=rmsprop", *LONG),
}
PER_BLOCK = 7


@pytest.mark.parametrize(
    "variant",
    [v if v == "elman with dropout" else pytest.param(v, marks=pytest.mark.slow) for v in VARIANTS],
)
def test_a_killed_run_goes_on_to_the_same_bits(
    variant: str, command: Command, spawn: Spawn, home: Path, faults: Faults
) -> None:
    arguments = VARIANTS[variant]
    assert command(*arguments, "hydra.run.dir=whole").status == 0
    moments = random.Random(variant)
    most = min(PER_BLOCK * 40, count_lines(home / "whole") // 4)  # three of them are no whole run
    cut = home / "cut"
    for _ in range(3):
        process = spawn(*arguments, "hydra.run.dir=cut", "resume=auto")
        _wait_for_more(cut, moments.randint(1, most), process)
        kill(process)
        assert process.returncode == -signal.SIGKILL, "it had ended before"
    again = command(*arguments, "hydra.run.dir=cut", "resume=auto")
    assert again.status == 0, again.err

    whole, resumed = distinct_points(home / "whole"), distinct_points(cut)
    assert resumed == whole
    assert same_weights(cut, home / "whole")
    result = Result.read(cut)
    assert result.status == "FINISHED"
    runs = client(home).search_runs(["1"])
    assert len(runs) == 2  # the same run in the store, however often it was begun
    faults("SIGKILL in training", made=3, **cost(client(home), result.run_id, cut))


def _wait_for_more(folder: Path, points: int, process: subprocess.Popen[str]) -> None:
    before = count_lines(folder)
    wait_for(lambda: count_lines(folder) >= before + points or process.poll() is not None)


AT_THE_END = (
    *("pytorch_lightning:Trainer.fit", "pytorch_lightning:Trainer.test"),
    *("mlflow.pyfunc:save_model", "rnnlab.tracking.delivery:Delivery.send_artifacts"),
    "rnnlab.tracking.delivery:Delivery.end",
)
SHORT = ("cell=elman", "train.steps=50")
SOLVED = VARIANTS["lstm, stopped early"]


@pytest.mark.parametrize(
    ("moment", "more"),
    [
        ("rnnlab.tracking.delivery:Delivery.begin", SHORT),
        *(pytest.param(moment, SHORT, marks=pytest.mark.slow) for moment in AT_THE_END),
        pytest.param(AT_THE_END[0], SOLVED, marks=pytest.mark.slow),
        (AT_THE_END[1], SOAR),
    ],
)
def test_killed_outside_of_training(
    moment: str, more: tuple[str, ...], command: Command, home: Path, faults: Faults
) -> None:
    arguments = (*TRAIN, *more, "tracking.log_model=true")
    assert command(*arguments, "hydra.run.dir=whole").status == 0
    resumed = (*arguments, "hydra.run.dir=cut", "resume=auto")
    killed_after(home, moment, *resumed)
    again = command(*resumed)
    assert again.status == 0, again.err
    assert distinct_points(home / "cut") == distinct_points(home / "whole")
    result = Result.read(home / "cut")
    assert (result.status, result.delivered) == ("FINISHED", True)
    assert result.metrics["test/solved"] == (more is SOLVED)
    assert result.metrics["diverged"] == (more is SOAR)
    runs = client(home).search_runs(["1"])
    assert [run.info.status for run in runs] == ["FINISHED"] * 2
    files = [{f.path for f in client(home).list_artifacts(run.info.run_id)} for run in runs]
    assert files[0] == files[1] >= {"model", "config.yaml"}
    faults("SIGKILL outside of training", **cost(client(home), result.run_id, home / "cut"))


UNBEGUN = ("rnnlab.tracking.manifest:Manifest.write", "rnnlab.tracking.lifecycle:write_config")


@pytest.mark.parametrize("moment", UNBEGUN)
def test_killed_before_its_result_is_written(
    moment: str, command: Command, home: Path, faults: Faults
) -> None:
    """What is begun in the folder then is what its own command says. Oracle: that, in a new folder."""
    begun = (*TRAIN, *SHORT)
    other = (*TRAIN, "train.steps=50", "cell=gru", "seed=7")
    assert command(*begun, "hydra.run.dir=whole").status == 0
    assert command(*other, "hydra.run.dir=whole-other").status == 0
    again = {
        "same": (*begun, "hydra.run.dir=same", "resume=auto"),
        "other": (*other, "hydra.run.dir=other"),
    }
    for name, arguments in again.items():
        killed_after(home, moment, *begun, f"hydra.run.dir={name}")
        assert not (home / name / "result.json").exists()
        finished = command(*arguments)
        assert finished.status == 0, finished.err
    for name, whole in {"same": "whole", "other": "whole-other"}.items():
        assert distinct_points(home / name) == distinct_points(home / whole)
        runs = [client(home).get_run(Result.read(home / f).run_id) for f in (name, whole)]
        assert runs[0].info.run_name == runs[1].info.run_name
        told = [{k: v for k, v in run.data.params.items() if k != "resume.run"} for run in runs]
        assert told[0] == told[1]
        faults(
            "SIGKILL outside of training", **cost(client(home), runs[0].info.run_id, home / name)
        )
    assert len(client(home).search_runs(["1"])) == 4


def test_a_run_without_its_result_gets_no_other_into_its_folder(
    command: Command, home: Path, faults: Faults
) -> None:
    begun = (*TRAIN, *SHORT, "hydra.run.dir=a")
    assert command(*begun).status == 0
    (home / "a" / "result.json").unlink()
    before = {path: path.read_bytes() for path in (home / "a").rglob("*") if path.is_file()}
    for left in ("metrics.jsonl", "checkpoints"):
        for more in ((), ("seed=1",), ("resume=auto",)):
            refused = command(*begun, *more)
            assert refused.status == 2
            assert f"has {left} of a run whose result.json is gone: move it away" in refused.err
            faults("a run whose result is gone")
        assert before == {path: path.read_bytes() for path in before}
        if left == "metrics.jsonl":
            before.pop(home / "a" / left)
            (home / "a" / left).unlink()
    assert len(client(home).search_runs(["1"])) == 1


def test_a_killed_sweep_runs_only_what_is_missing(
    command: Command, spawn: Spawn, home: Path, faults: Faults
) -> None:
    sweep = ("-m", "cell=elman,gru", "seed=0,1", *LONG, "hydra.sweep.dir=s", "resume=auto")
    process = spawn(*sweep, "hydra.launcher.n_jobs=1")
    wait_for(lambda: count_lines(home / "s" / "2") > 50)
    kill(process)
    finished = [home / "s" / job for job in ("0", "1")]
    before = [(folder / "metrics.jsonl").read_bytes() for folder in finished]
    wait_for(lambda: Result.read(home / "s" / "2").status != "RUNNING")  # its process ends itself
    again = command(*sweep)
    assert again.status == 0, again.out + again.err
    assert [(folder / "metrics.jsonl").read_bytes() for folder in finished] == before
    runs = client(home).search_runs(["1"])
    assert len(runs) == 5
    assert {run.info.status for run in runs} == {"FINISHED"}
    for job in range(4):
        folder = home / "s" / str(job)
        costs = cost(client(home), Result.read(folder).run_id, folder)
        faults("SIGKILL of a sweep", made=int(job == 0), **costs)
    other = command(*sweep, "optimizer.lr=0.1")
    assert other.status == 2
    assert "holds another sweep" in other.err


REFUSED = {
    ("optimizer.lr=0.5",): "optimizer.lr=0.5 cannot change on resume: the run has optimizer.lr=0.0",
    ("train.steps=500",): "train.steps=500 cannot change on resume: the run has train.steps=50",
    ("cell=gru",): "cell=gru cannot change on resume: the run has cell=elman",
    ("model={num_layers: 2}",): "model.num_layers=2 cannot change on resume",
    ("resume.allow_changes=true", "cell=gru"): "cell=gru cannot change on resume. What can",
    ("resume.allow_changes=true", "diagnostics=all"): "What can, one key at a time: train,",
    ("resume.allow_changes=true", "train.steps=60", "schedule=cosine"): "schedule=cosine cannot",
}
SAME = ("cell='elman'", "model={num_layers: 1}", "train.data_seed=0")  # spelt otherwise


def test_what_a_resume_may_say(command: Command, home: Path) -> None:
    begun = (*TRAIN, *SHORT, "schedule=none", "hydra.run.dir=a")
    killed_after(home, "pytorch_lightning:Trainer.fit", *begun)
    before = (home / "a" / "config.yaml").read_text()
    for change, message in REFUSED.items():
        for resumed in (("resume=a",), (*begun, "resume=auto")):
            refused = command(*resumed, *change)
            assert refused.status == 2
            assert message in refused.err
    shorter = [each for each in begun if each != "train.batch_size=4"]
    refused = command(*shorter, "resume=auto")  # what is left out is a change too
    assert refused.status == 2
    assert "train.batch_size=32 cannot change on resume: the run has" in refused.err
    assert command("resume=a", "train.batch_size=4", "cell=elman").status == 0
    assert (home / "a" / "config.yaml").read_text() == before
    result = Result.read(home / "a")
    result.status = "KILLED"
    result.write()
    assert command(*begun, *SAME, "resume=auto").status == 0


def test_a_schedule_goes_by_what_it_was(command: Command, home: Path) -> None:
    begun = (*SOAR, "train.nonfinite=raise", "hydra.run.dir=a", "resume.allow_changes=true")
    assert command(*begun).status == 1
    for change in ("train.steps=500", "optimizer.lr=0.1"):
        refused = command(*begun, "resume=auto", change)
        assert refused.status == 2
        assert f"{change} cannot change on resume: the schedule goes by what it" in refused.err


def test_no_change_once_it_has_finished_nor_fewer_updates_than_made(
    command: Command, home: Path
) -> None:
    begun = ("cell=elman", *TRAIN, "train.steps=100", "hydra.run.dir=a", "resume=auto")
    assert command(*begun).status == 0
    allowed = (*begun, "resume.allow_changes=true")
    late = command(*allowed, "train.batch_size=5")
    assert late.status == 2
    assert "train.batch_size=5 comes too late: the run has finished with" in late.err
    result = Result.read(home / "a")
    result.status = "KILLED"
    result.write()
    fewer = command(*allowed, "train.steps=50")
    assert fewer.status == 2
    assert "train.steps=50 is too small: the run has made 100 updates" in fewer.err
    assert command(*allowed, "train.steps=200").status == 0
    history = client(home).get_metric_history(result.run_id, "train/loss")
    assert [point.step for point in history] == list(range(5, 201, 5))


def test_a_changed_override_is_refused_or_written_down(command: Command, home: Path) -> None:
    begun = ("cell=elman", *TRAIN, "train.steps=100", "train.stop_when_solved=false")
    refused = command(*begun, "hydra.run.dir=a", "+trainer.nothing=1")
    assert refused.status == 2
    assert not (home / "a" / "result.json").exists()
    relu = ("cell.nonlinearity=relu", "optimizer=sgd", "optimizer.lr=1e30")
    process = command(*begun, *relu, "hydra.run.dir=a", "train.nonfinite=raise")
    assert process.status == 1, process.err
    result = Result.read(home / "a")
    assert result.status == "FAILED"
    refused = command("resume=a", "optimizer.lr=0.01")
    assert refused.status == 2
    assert (
        "optimizer.lr=0.01 cannot change on resume: the run has optimizer.lr=1e+30" in refused.err
    )
    assert "resume.allow_changes=true" in refused.err
    refused = command("resume=a", "cell=gru", "resume.allow_changes=true")
    assert refused.status == 2
    assert "cell=gru cannot change on resume" in refused.err
    allowed = ("resume=a", "resume.allow_changes=true", "optimizer.lr=0.01")
    finished = command(*allowed, "train.nonfinite=stop")
    assert finished.status == 0, finished.err
    run = client(home).get_run(result.run_id)
    assert run.data.tags["rnnlab.changes"] == (
        "optimizer.lr: 1e+30 -> 0.01\ntrain.nonfinite: raise -> stop\n"
    )
    rates = client(home).get_metric_history(result.run_id, "train/lr")
    assert {rate.value for rate in rates} == {0.01}
    assert run.data.metrics["diverged"] == 0
