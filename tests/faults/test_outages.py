"""A tracking server that is killed, stays down, hangs or never was. Oracle: the run's journal."""

import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from rnnlab.tracking.delivery import Delivery
from rnnlab.tracking.journal import Journal
from rnnlab.tracking.result import Result
from tests.support.command import Command, client
from tests.support.faults import TRAIN, Faults, cost
from tests.support.journals import count_lines
from tests.support.processes import HANG, Spawn, halted, kill, wait_for
from tests.support.servers import Server

LONG = ("cell=elman", *TRAIN, "train.stop_when_solved=false")
# It validates, and prints, so seldom that nobody has to read its output.
ENDLESS = (*LONG, "train.steps=100000000", "train.val_every=100000", "train.block=50")
BLOCKS = 3 * 7  # lines of the journal, seven a block: it trains, and does not end what it was in


def wait_until_trained_on(folder: Path) -> None:
    """Until it has trained some blocks more."""
    so_far = count_lines(folder)
    wait_for(lambda: count_lines(folder) >= so_far + BLOCKS)


def wait_until_trained_on_while_unanswered(folder: Path, server: Server) -> None:
    """Until some blocks have been trained between the begin and the end of one and the same request."""
    first: dict[str, int] = {}  # of each request, the lines there were when it was first seen

    def trained_on() -> bool:
        so_far, waiting = count_lines(folder), server.unanswered()
        for request in waiting:
            first.setdefault(request, count_lines(folder))
        return any(so_far >= first[request] + BLOCKS for request in waiting)

    wait_for(trained_on)


def wait_for_stored(folder: Path, uri: str, step: int) -> None:
    """Until the server has the loss of an update so late."""
    metrics, run_id = MlflowClient(uri), Result.read(folder).run_id

    def has_it() -> bool:
        stored = metrics.get_metric_history(run_id, "train/loss")
        return max((point.step for point in stored), default=-1) >= step

    wait_for(has_it, every=1)


def begun(spawn: Spawn, folder: Path, uri: str) -> subprocess.Popen[str]:
    """A run without an end, some of whose points the server has."""
    process = spawn(*ENDLESS, f"tracking.uri={uri}", f"hydra.run.dir={folder}")
    wait_for(lambda: count_lines(folder) > 50)
    wait_for_stored(folder, uri, 1)
    return process


def ended_once_in_step(process: subprocess.Popen[str], folder: Path, uri: str) -> Result:
    """How a run ends that the server has caught up with, and that is told to end only then."""
    so_far = count_lines(folder)
    points = itertools.islice(Journal(folder / "metrics.jsonl"), so_far)
    newest = max(point.step for point in points if point.key == "train/loss")
    wait_for(lambda: count_lines(folder) > so_far)  # it trains
    wait_for_stored(folder, uri, newest)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=HANG)
    assert process.returncode == 143, out
    return Result.read(folder)


@pytest.mark.slow
def test_killed_for_a_minute_in_mid_run(
    server: Server, spawn: Spawn, home: Path, faults: Faults
) -> None:
    server.start()
    folder = home / "a"
    process = begun(spawn, folder, server.uri)
    server.kill()
    time.sleep(60)
    wait_until_trained_on(folder)
    server.start()
    result = ended_once_in_step(process, folder, server.uri)
    assert result.delivered
    store = MlflowClient(server.uri)
    assert store.get_run(result.run_id).info.status == "KILLED"
    faults("server killed for 60 s in a run", **cost(store, result.run_id, folder))


def test_down_at_the_end(
    server: Server, spawn: Spawn, command: Command, sync: Command, home: Path, faults: Faults
) -> None:
    server.start()
    folder = home / "outputs" / "a"
    at = (f"tracking.uri={server.uri}", f"hydra.run.dir={folder}")
    process = spawn(*LONG, "train.steps=5000", *at)
    wait_for(lambda: count_lines(folder) > 50)
    with halted(process):
        server.kill()
    out, _ = process.communicate(timeout=HANG)
    assert process.returncode == 0, out
    result = Result.read(folder)
    assert result.status == "FINISHED"
    assert not result.delivered
    assert f"MLflow did not take {result.undelivered} points" in out
    assert "python -m rnnlab.sync" in out
    refused = sync()
    assert refused.status == 1
    assert "does not answer" in refused.err
    server.start()
    # The next run delivers what waits.
    assert command(*LONG, "train.steps=50", at[0]).status == 0
    assert Result.read(folder).delivered
    store = MlflowClient(server.uri)
    assert store.get_run(result.run_id).info.status == "FINISHED"
    assert {"config.yaml", "figures"} <= {f.path for f in store.list_artifacts(result.run_id)}
    faults("server down at the end", **cost(store, result.run_id, folder))
    assert sync().status == 0  # there is nothing left


def test_never_up(
    server: Server, command: Command, sync: Command, home: Path, faults: Faults
) -> None:
    folder = home / "outputs" / "a"
    finished = command(
        *(*LONG, "train.steps=500", f"tracking.uri={server.uri}", f"hydra.run.dir={folder}")
    )
    assert finished.status == 0, finished.err
    assert "does not answer" in finished.out
    assert "python -m rnnlab.sync" in finished.out
    result = Result.read(folder)
    assert result.status == "FINISHED"
    assert result.run_id == ""
    server.start()
    for _ in range(2):
        done = sync()
        assert done.status == 0, done.err
    result = Result.read(folder)
    store = MlflowClient(server.uri)
    (run,) = store.search_runs([result.experiment_id])
    assert run.info.run_id == result.run_id
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "elman · adding 10 · s0"
    assert run.data.params["cell.hidden_size"] == "64"
    assert run.data.metrics["test/loss"] == result.metrics["test/loss"]
    faults("server never up", **cost(store, result.run_id, folder))


@pytest.mark.slow
def test_a_server_that_hangs(server: Server, spawn: Spawn, home: Path, faults: Faults) -> None:
    server.start()
    folder = home / "a"
    process = begun(spawn, folder, server.uri)
    assert server.process is not None
    os.killpg(server.process.pid, signal.SIGSTOP)
    time.sleep(15)
    wait_until_trained_on_while_unanswered(folder, server)
    os.killpg(server.process.pid, signal.SIGCONT)
    result = ended_once_in_step(process, folder, server.uri)
    faults("server hangs for 15 s", **cost(MlflowClient(server.uri), result.run_id, folder))


def test_a_process_that_died_is_killed_by_sync(
    spawn: Spawn, sync: Command, home: Path, faults: Faults
) -> None:
    folder = home / "outputs" / "a"
    process = spawn(*ENDLESS, f"hydra.run.dir={folder}")
    wait_for(lambda: count_lines(folder) > 50)
    assert sync().status == 0
    assert Result.read(folder).status == "RUNNING"  # it is at work
    kill(process)
    done = sync()
    assert done.status == 0, done.err
    assert "points delivered, KILLED" in done.out
    result = Result.read(folder)
    store = client(home)
    assert store.get_run(result.run_id).info.status == "KILLED"
    faults("a run left RUNNING", **cost(store, result.run_id, folder))


@pytest.mark.slow
def test_a_sweep_that_begins_before_its_server(
    server: Server, spawn: Spawn, home: Path, faults: Faults
) -> None:
    folder = home / "s"
    process = spawn(
        *("-m", "seed=0,1", *LONG, "train.steps=5000", "hydra.launcher.n_jobs=1"),
        *(f"tracking.uri={server.uri}", f"hydra.sweep.dir={folder}"),
    )
    wait_for(lambda: count_lines(folder / "0") > 50)
    with halted(process):
        server.start()
    out, _ = process.communicate(timeout=HANG)
    assert process.returncode == 0, out
    store = MlflowClient(server.uri)
    (parent,) = store.search_runs(["1"], "tags.`rnnlab.kind` = 'sweep'")
    assert parent.info.status == "FINISHED"
    assert parent.data.metrics["sweep/jobs"] == 2
    for job in ("0", "1"):
        result = Result.read(folder / job)
        assert result.delivered
        child = store.get_run(result.run_id)
        assert child.info.status == "FINISHED"
        assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
        costs = cost(store, result.run_id, folder / job)
        faults("a sweep that begins before its server", made=int(job == "0"), **costs)


@pytest.mark.slow
def test_a_sweep_that_goes_on_without_its_server(
    server: Server, spawn: Spawn, sync: Command, home: Path, faults: Faults
) -> None:
    server.start()
    folder = home / "outputs" / "s"
    sweep = (
        *("-m", "seed=0,1,2", *LONG, "train.steps=1000", "hydra.launcher.n_jobs=1"),
        *(f"tracking.uri={server.uri}", f"hydra.sweep.dir={folder}", "resume=auto"),
    )
    process = spawn(*sweep)
    wait_for(lambda: count_lines(folder / "1") > 50)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=HANG)
    assert process.returncode == 143, out
    server.kill()
    process = spawn(*sweep)
    out, _ = process.communicate(timeout=HANG)
    assert process.returncode == 0, out
    server.start()
    done = sync()
    assert done.status == 0, done.err
    store = MlflowClient(server.uri)
    (parent,) = store.search_runs(["1"], "tags.`rnnlab.kind` = 'sweep'")
    assert parent.info.status == "FINISHED"
    for job in ("0", "1", "2"):
        result = Result.read(folder / job)
        child = store.get_run(result.run_id)
        assert child.info.status == "FINISHED"
        assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
        costs = cost(store, result.run_id, folder / job)
        faults("a sweep that goes on without its server", made=int(job == "0"), **costs)


def test_an_answer_that_is_lost(
    command: Command, home: Path, monkeypatch: pytest.MonkeyPatch, faults: Faults
) -> None:
    """The store has made the run, and who asked for it does not hear of that."""
    folder, make = home / "outputs" / "a", MlflowClient.create_run

    def unheard(*arguments: Any, **named: Any) -> None:
        make(*arguments, **named)
        raise MlflowException("timed out")

    with monkeypatch.context() as patched:
        patched.setattr(MlflowClient, "create_run", unheard)
        assert command(*LONG, "train.steps=50", f"hydra.run.dir={folder}").status == 0
    result = Result.read(folder)
    assert result.delivered  # it was asked again, and found
    (run,) = client(home).search_runs(["1"])
    assert (run.info.run_id, run.info.status) == (result.run_id, "FINISHED")
    faults("an answer that is lost", **cost(client(home), result.run_id, folder))


def test_what_waits_and_is_gone(command: Command, home: Path) -> None:
    away = ("tracking.uri=http://127.0.0.1:9", f"hydra.run.dir={home}/outputs/away")
    assert command(*LONG, "train.steps=50", *away).status == 0
    shutil.rmtree(home / "outputs" / "away")
    outputs = [command(*LONG, "train.steps=50", f"hydra.run.dir={name}").out for name in "ab"]
    assert [f"{home}/outputs/away is gone" in out for out in outputs] == [True, False]


def test_a_mistake_ends_no_run_of_another(
    command: Command, spawn: Spawn, sync: Command, home: Path
) -> None:
    """Neither one that is at work, nor one that was killed: what is refused is not its failure."""
    process = spawn(*ENDLESS, "hydra.run.dir=a")
    wait_for(lambda: count_lines(home / "a") > 50)
    refused = command(*ENDLESS, "hydra.run.dir=a", "resume=auto")
    assert refused.status == 2
    assert "a process is at work in it" in refused.err
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=HANG)
    refused = command(*LONG, "train.steps=100", "hydra.run.dir=a")
    assert refused.status == 2
    assert "holds a run already" in refused.err
    assert not (home / "a" / "failure.txt").exists()
    assert sync("a").status == 0
    result = Result.read(home / "a")
    assert result.status == "KILLED"
    assert client(home).get_run(result.run_id).info.status == "KILLED"


def test_a_folder_that_is_none(home: Path) -> None:
    """As a process of its own, which all other tests spare."""
    refused = subprocess.run(
        [sys.executable, "-m", "rnnlab.sync", "nowhere"],
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 2
    assert refused.stderr == "nowhere is not a folder\n"


def test_what_waits_goes_to_its_own_store(
    command: Command, sync: Command, home: Path, faults: Faults
) -> None:
    begun = (*LONG, "train.steps=50")
    away = home / "outputs" / "away"
    nowhere = "tracking.uri=http://127.0.0.1:9"
    assert command(*begun, nowhere, f"hydra.run.dir={away}").status == 0
    (home / "outputs" / "undelivered" / "gone.txt").symlink_to("another run delivered it meanwhile")
    assert command(*begun, "hydra.run.dir=here").status == 0
    assert not Result.read(away).delivered
    assert len(client(home).search_runs(["1"])) == 1
    done = sync("outputs", "--uri", f"sqlite:///{home}/mlflow.db")
    assert done.status == 0, done.err
    result = Result.read(away)
    faults("another store is up meanwhile", **cost(client(home), result.run_id, away))


def _signalling(method: Any) -> Any:
    def signalled(self: Delivery, *arguments: Any) -> Any:
        os.kill(os.getpid(), signal.SIGTERM)
        return method(self, *arguments)

    return signalled


def test_a_signal_as_the_run_begins(
    command: Command, home: Path, monkeypatch: pytest.MonkeyPatch, faults: Faults
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(Delivery, "begin", _signalling(Delivery.begin))
        assert command(*LONG, "train.steps=50", "hydra.run.dir=a").status == 143
    result = Result.read(home / "a")
    assert result.status == "KILLED"
    assert client(home).get_run(result.run_id).info.status == "KILLED"
    assert command("resume=a").status == 0
    faults("SIGTERM as a run begins", **cost(client(home), result.run_id, home / "a"))


def test_a_signal_as_the_run_ends(
    command: Command, home: Path, monkeypatch: pytest.MonkeyPatch, faults: Faults
) -> None:
    monkeypatch.setattr(Delivery, "send_artifacts", _signalling(Delivery.send_artifacts))
    finished = command(*LONG, "train.steps=50", "hydra.run.dir=a")
    assert finished.status == 143
    assert "to go on" not in finished.err
    result = Result.read(home / "a")
    assert (result.status, result.delivered) == ("FINISHED", True)
    assert client(home).get_run(result.run_id).info.status == "FINISHED"
    faults("SIGTERM as a run ends", **cost(client(home), result.run_id, home / "a"))


@pytest.fixture
def failed(command: Command, home: Path) -> Path:
    """The folder of a run that can be resumed."""
    broken = ("cell.nonlinearity=relu", "optimizer=sgd", "optimizer.lr=1e30")
    folder = home / "outputs" / "a"
    raising = (*LONG, "train.steps=50", "train.nonfinite=raise", f"hydra.run.dir={folder}")
    assert command(*raising, *broken).status == 1
    return folder


ALLOWED = ("resume.allow_changes=true", "optimizer.lr=0.01")


def test_a_store_that_dies_as_a_run_goes_on(
    command: Command,
    failed: Path,
    sync: Command,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    faults: Faults,
) -> None:
    def down(*_: object) -> None:
        raise MlflowException("gone")

    with monkeypatch.context() as patched:
        patched.setattr(Delivery, "_stored", down)
        assert command(f"resume={failed}", *ALLOWED).status == 0
    assert not Result.read(failed).delivered
    assert sync().status == 0
    result = Result.read(failed)
    assert client(home).get_run(result.run_id).info.status == "FINISHED"
    faults("a store that dies at a resume", **cost(client(home), result.run_id, failed))


def test_a_damaged_line_of_a_journal_is_named_at_a_resume(
    command: Command, failed: Path, home: Path, faults: Faults
) -> None:
    """The others are used, and the journal as it was stays."""
    journal = failed / "metrics.jsonl"
    damaged = "noise\n" + (journal.read_text() if journal.exists() else "")
    journal.write_text(damaged)
    resumed = command(f"resume={failed}", *ALLOWED)
    assert resumed.status == 0, resumed.err
    assert "metrics.jsonl is damaged: line 1 is left out" in resumed.out
    assert (failed / "metrics.jsonl.damaged-1").read_text() == damaged
    result = Result.read(failed)
    faults("a damaged journal at a resume", **cost(client(home), result.run_id, failed))
