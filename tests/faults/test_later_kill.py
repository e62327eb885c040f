"""A kill, or Ctrl-C, in the middle of a prediction or of an evaluation. Oracle: one that was left alone."""

import csv
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rnnlab import evaluate, predict
from rnnlab.tracking.journal import Journal
from rnnlab.tracking.result import Result
from tests.support.command import Command, called, client
from tests.support.faults import TRAIN, Faults
from tests.support.killed_runs import killed_after
from tests.support.predictors import symbols
from tests.support.processes import HANG, wait_for
from tests.support.small_disk import fill

RUN = ("cell=gru", "cell.hidden_size=4", "task=temporal_order", *TRAIN, "train.steps=50")
WHOLE = ("input=x.csv", "steps=all")
ROWS = 20_000


def write_table(path: Path) -> None:
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow("ABcdef")
        rows.writerows(symbols(ROWS)[0].astype(int).tolist())


def in_the_middle(folder: Path, output: str, *words: str) -> subprocess.Popen[bytes]:
    """A prediction that has had its first rows, and waits for more."""
    ask = ("run=run", "input=-", "input_format=csv", f"output={output}", "steps=all", *words)
    process = subprocess.Popen(
        [sys.executable, "-m", "rnnlab.predict", *ask],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.write((folder / "x.csv").read_bytes()[: ROWS * 6])
    process.stdin.flush()
    wait_for(lambda: _parts(folder) and _parts(folder)[0].stat().st_size > 1000)
    return process


def _parts(folder: Path) -> list[Path]:
    return [*folder.glob(".y.*.part")]


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_prediction(
    number: signal.Signals,
    command: Command,
    home: Path,
    faults: Faults,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Nothing is half-written, what was there is as it was, and the next one leaves no trace of it."""
    assert command(*RUN, "hydra.run.dir=run").status == 0
    write_table(home / "x.csv")
    words = ["rnnlab.predict", "run=run", *WHOLE]
    outputs = ("y.csv", "y.npy") if number == signal.SIGINT else ("y.npy",)
    for output in outputs:
        (home / output).write_bytes(b"old")
        before = names(home)
        process = in_the_middle(home, output, "overwrite=true")
        assert (home / output).read_bytes() == b"old"
        process.send_signal(number)
        out, err = process.communicate(timeout=HANG)
        killed = number == signal.SIGKILL
        assert process.returncode == (-number if killed else 128 + number)
        assert out == b""
        assert err.decode() == ("" if killed else f"stopped by {number.name}\n")
        assert (home / output).read_bytes() == b"old"
        assert len(names(home) - before) == int(killed)
        assert (
            called(
                predict.main, [*words, f"output={output}", "overwrite=true"], monkeypatch, capfd
            ).status
            == 0
        )
        assert names(home) == before
        faults(f"{number.name} in a prediction")
    assert called(predict.main, [*words, "output=z.npy"], monkeypatch, capfd).status == 0
    assert np.array_equal(np.load(home / "y.npy"), np.load(home / "z.npy"))


def test_a_reader_that_has_seen_enough(command: Command, home: Path, faults: Faults) -> None:
    """As `| head`."""
    assert command(*RUN, "hydra.run.dir=run").status == 0
    write_table(home / "x.csv")
    for output in ("csv", "jsonl"):
        words = ("run=run", *WHOLE, "output=-", f"output_format={output}")
        with subprocess.Popen(
            [sys.executable, "-m", "rnnlab.predict", *words],
            cwd=home,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            assert process.stdout.read(10)
            process.stdout.close()
            assert process.stderr.read() == b""
            assert process.wait(HANG) == 0
        faults("a reader that has seen enough")


def test_a_full_disk(
    command: Command,
    home: Path,
    small_disk: Path,
    faults: Faults,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert command(*RUN, "hydra.run.dir=run").status == 0
    write_table(home / "x.csv")
    fill(small_disk / "full")
    with (small_disk / "full").open("r+b") as file:  # of which the beginning of an output fits
        file.truncate((small_disk / "full").stat().st_size - 50_000)
    for kind in ("npy", "npz", "csv", "jsonl", "parquet"):
        words = ["rnnlab.predict", "run=run", *WHOLE, f"output={small_disk / 'y'}.{kind}"]
        ended = called(predict.main, words, monkeypatch, capfd)
        assert (ended.status, ended.out, ended.err.count("\n")) == (2, "", 1), ended
        assert "No space left on device" in ended.err
        assert names(small_disk) == {"full"}
        faults("a full disk under a prediction")


ASKED = ("run=run", "task.length=20")
MOMENTS = (
    "rnnlab.training.evaluation:Evaluation.test_on",
    "rnnlab.tracking.journal:Journal.append",
    "rnnlab.tracking.addition:_write",
)


@pytest.mark.parametrize("moment", MOMENTS)
def test_an_evaluation(
    moment: str,
    command: Command,
    home: Path,
    faults: Faults,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """It has all of the answer or nothing, and the same question gives the answer."""
    assert command(*RUN, "hydra.run.dir=run").status == 0
    folder = home / "run"
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.suffix == ".json"}
    points = [*Journal(folder / "metrics.jsonl")]
    killed_after(home, moment, *ASKED, program="rnnlab.evaluate")
    added = [*Journal(folder / "metrics.jsonl")][len(points) :]
    assert bool(added) == (moment != MOMENTS[0])
    if moment != MOMENTS[2]:
        assert before == {path: path.read_bytes() for path in before}
    ended = called(evaluate.main, ["rnnlab.evaluate", *ASKED], monkeypatch, capfd)
    assert (ended.status, ended.err) == (0, "")
    result = Result.read(folder)
    again = [*Journal(folder / "metrics.jsonl")][len(points) :]
    assert {p.key: p.value for p in again} == {
        key: value for key, value in result.metrics.items() if key.startswith("length/20/")
    }
    assert len(again) == len({p.key for p in again})
    stored = client(home).get_run(result.run_id).data.metrics
    assert all(stored[p.key] == p.value for p in again)
    left = [
        path
        for path in folder.rglob(".*")
        if path.name not in (".lock", ".hydra", ".delivery.lock")
    ]
    assert not left
    faults("SIGKILL in an evaluation")
