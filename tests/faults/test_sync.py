"""Folders of all kinds below one that is synced. Oracle: each is delivered or named, and the exit status tells."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from rnnlab import sync as module
from rnnlab.foundation.json_file import read_content, write_content
from rnnlab.foundation.run_folder import RunFolder
from rnnlab.tracking.manifest import Manifest
from rnnlab.tracking.outbox import DeliveredRun, deliver
from rnnlab.tracking.result import Result
from tests.support.command import QUICK, SMALL, Command, client
from tests.support.faults import Faults, cost

RUN = (*QUICK, *SMALL, "tracking.log_model=false", "hydra.run.dir=outputs/whole")


@pytest.fixture
def whole(command: Command, home: Path) -> RunFolder:
    """A run that has been delivered."""
    assert command(*RUN).status == 0
    return RunFolder(home / "outputs" / "whole")


def copied(whole: RunFolder, name: str) -> RunFolder:
    """Another run, that has not."""
    folder = RunFolder(whole.path.parent / name)
    shutil.copytree(whole.path, folder.path)
    result, manifest = Result.read(folder.path), Manifest.read(folder.path)
    result.folder, result.run_id, result.delivered = str(folder.path), "", False
    manifest.tags["rnnlab.folder"] = str(folder.path)
    result.write()
    manifest.write(folder.path)
    return folder


def with_changed(path: Path, **changes: Any) -> None:
    write_content(path, read_content(path) | changes)


def pipe_instead_of(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def longer_number(folder: RunFolder) -> None:
    with folder.journal.open("a") as file:
        file.write('{"key": "a", "value": %s, "step": 1, "timestamp": 1}\n' % ("1" * 400))


BAD: dict[str, Callable[[RunFolder], object]] = {
    "a status of its own": lambda f: with_changed(f.result, status="DONE"),
    "a number of 400 digits": longer_number,
    "a pipe among the artifacts": lambda f: os.mkfifo(f.figures / "pipe.png"),
    "a pipe for an artifact": lambda f: pipe_instead_of(f.packages),
    "a pipe for a result": lambda f: pipe_instead_of(f.result),
    "a pipe for a journal": lambda f: pipe_instead_of(f.journal),
    "a pipe for a lock": lambda f: pipe_instead_of(f.lock),
    "no manifest": lambda f: f.manifest.unlink(),
    "a start before time": lambda f: with_changed(f.manifest, started=-(2**63) - 1),
    "a run of nobody's": lambda f: with_changed(f.result, run_id="../nobody"),
    "a name that no store takes": lambda f: with_changed(f.manifest, params={"a/../b": "c"}),
    "a folder for a result": lambda f: (f.result.unlink(), f.result.mkdir()),
}
DELIVERED = {
    "a number of 400 digits",
    "a pipe among the artifacts",
    "a pipe for an artifact",
    "a pipe for a lock",
}
"""With what of them is whole."""


def test_no_folder_stops_another(
    whole: RunFolder, sync: Command, home: Path, faults: Faults
) -> None:
    bad = {name: copied(whole, f"bad{number}") for number, name in enumerate(BAD)}
    for name, folder in bad.items():
        BAD[name](folder)
    good = copied(whole, "good")  # the last by name
    synced = sync()
    assert synced.status == 1
    assert "Traceback" not in synced.err
    said = synced.err.splitlines()
    assert Result.read(good.path).delivered
    faults("a good folder among bad ones", **cost(client(home), _id(good), good.path))
    for name, folder in bad.items():
        lines = [line for line in said if line.startswith(f"{folder.path}: ")]
        assert len(lines) == (name != "a pipe for a lock"), (name, said)
    for name in DELIVERED:
        run = client(home).get_run(_id(bad[name]))
        assert run.info.status == "FINISHED", name
        assert run.data.metrics == client(home).get_run(_id(good)).data.metrics
    faults("a bad folder that is synced", made=len(BAD))
    # What was named once for what it had lost is delivered; what cannot be, is named again.
    again = sync()
    assert again.status == 1
    assert f"{bad['a number of 400 digits'].path}: " not in again.err
    assert f"{bad['a pipe among the artifacts'].path}: " in again.err


def test_a_run_that_died_with_a_damaged_journal(
    whole: RunFolder, sync: Command, home: Path, faults: Faults
) -> None:
    """It is KILLED, with the numbers that are whole."""
    dead = copied(whole, "dead")
    with_changed(dead.result, status="RUNNING", metrics={})
    longer_number(dead)
    synced = sync()
    assert synced.status == 1
    (line,) = synced.err.splitlines()
    assert "metrics.jsonl is damaged: line " in line
    result, run = Result.read(dead.path), client(home).get_run(_id(dead))
    assert (result.status, run.info.status) == ("KILLED", "KILLED")
    assert result.metrics == run.data.metrics == client(home).get_run(_id(whole)).data.metrics
    faults("a bad folder that is synced", **cost(client(home), _id(dead), dead.path))
    assert sync().status == 0


def _id(folder: RunFolder) -> str:
    return Result.read(folder.path).run_id


def test_what_nobody_has_thought_of(
    whole: RunFolder, sync: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = copied(whole, "first"), copied(whole, "second")

    def odd(folder: Path, uri: str | None) -> DeliveredRun | None:
        if folder == first.path:
            raise KeyError("nobody")
        return deliver(folder, uri)

    monkeypatch.setattr(module, "deliver_whole", odd)
    synced = sync()
    assert synced.status == 1
    assert synced.err == f"{first.path}: KeyError: 'nobody'\n"
    assert Result.read(second.path).delivered


def test_a_bad_job_stops_no_sweep(
    command: Command, sync: Command, home: Path, faults: Faults
) -> None:
    """The sweep is delivered with the others, and the job is named."""
    jobs = ("-m", "hydra/launcher=basic", "seed=0,1,2", *RUN[:-1], "hydra.sweep.dir=outputs/s")
    assert command(*jobs).status == 0
    sweep = home / "outputs" / "s"
    with_changed(sweep / "sweep.json", delivered=False, status="RUNNING")
    bad = RunFolder(sweep / "0").manifest
    bad.write_bytes(bad.read_bytes().replace(b'"rnnlab"', b'"rnnlap"', 1))
    synced = sync()
    assert synced.status == 1
    assert f"{bad} is damaged" in synced.err
    assert synced.err.endswith(f"{sweep}: job 0 could not be linked to it\n")
    (parent,) = client(home).search_runs(["1"], "tags.`rnnlab.kind` = 'sweep'")
    assert parent.info.status == "KILLED"
    assert read_content(sweep / "sweep.json")["delivered"]
    faults("a bad job in a sweep that is synced")


def test_another_store_gets_what_was_delivered(
    whole: RunFolder, command: Command, sync: Command, home: Path, faults: Faults
) -> None:
    """Oracle: the run in the first store, and that a run which trains on is there what it was."""
    first = client(home).get_run(_id(whole))
    other = f"sqlite:///{home}/other.db"
    said = sync("--uri", other)
    assert (said.status, said.err) == (0, "")
    assert "points delivered, FINISHED" in said.out
    there = MlflowClient(other).get_run(_id(whole))
    assert there.info.run_id != first.info.run_id
    assert there.data.metrics == first.data.metrics
    assert Result.read(whole.path).tracking_uri == other
    faults("another store for a delivered run", **cost(MlflowClient(other), _id(whole), whole.path))
    assert (sync("--uri", other).out, sync().out) == ("", "")
    # Back in the first store it is the run that it was there.
    assert command("resume=outputs/whole", "train.steps=8").status == 0
    assert _id(whole) == first.info.run_id
    assert len(client(home).search_runs(["1"])) == 1
    faults("another store for a delivered run", **cost(client(home), _id(whole), whole.path))
