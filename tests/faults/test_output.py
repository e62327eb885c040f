"""Output that goes nowhere: a full disk, a pipe whose reader has gone, a stream that is closed.

Oracle: the run's result and its store, and the exit status.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rnnlab.tracking.result import Result
from tests.support.command import Command, client
from tests.support.faults import TRAIN, Faults, cost
from tests.support.journals import count_lines
from tests.support.processes import HANG, Spawn, run_python, wait_for
from tests.support.small_disk import fill

RUN = ("cell=elman", *TRAIN, "train.steps=50")


def _gone() -> int:
    reader, writer = os.pipe()
    os.close(reader)
    return writer


OUTPUTS: dict[str, Callable[[], int]] = {
    "a full disk": lambda: os.open("/dev/full", os.O_WRONLY),
    "a pipe nobody reads": _gone,
}


@pytest.mark.parametrize("many", [pytest.param(False, marks=pytest.mark.slow), True])
@pytest.mark.parametrize("output", OUTPUTS)
def test_output_that_is_not_taken_ends_no_run(
    home: Path, output: str, many: bool, faults: Faults
) -> None:
    file = OUTPUTS[output]()
    if many:
        more, folders = (
            ("-m", "seed=0,1", "hydra.sweep.dir=s"),
            [home / "s" / "0", home / "s" / "1"],
        )
    else:
        more, folders = ("hydra.run.dir=a",), [home / "a"]
    command = [sys.executable, "-m", "rnnlab.run", *more, *RUN]
    done = subprocess.run(command, cwd=home, stdout=file, stderr=file, check=False)
    os.close(file)
    assert done.returncode == 0
    assert len(client(home).search_runs(["1"])) == len(folders) + many
    for folder in folders:
        result = Result.read(folder)
        assert (result.status, result.delivered) == ("FINISHED", True)
        faults(f"output to {output}", **cost(client(home), result.run_id, folder))


def test_closed_streams_end_no_run(home: Path) -> None:
    command = [sys.executable, "-m", "rnnlab.run", *RUN, "hydra.run.dir=a"]
    done = subprocess.run(["sh", "-c", '"$@" >&- 2>&-', "sh", *command], cwd=home, check=False)
    assert done.returncode == 0
    assert Result.read(home / "a").status == "FINISHED"


def test_a_full_disk_under_a_sweep(
    command: Command, spawn: Spawn, home: Path, small_disk: Path, faults: Faults
) -> None:
    sweep = (
        *("-m", "seed=0,1", *RUN, "train.steps=4000", "train.stop_when_solved=false"),
        *("diagnostics=all", "tracking.log_model=true", f"hydra.sweep.dir={small_disk}/s"),
    )
    folders = [small_disk / "s" / job for job in ("0", "1")]
    process = spawn(*sweep)
    wait_for(lambda: min(map(count_lines, folders)) > 100)
    fill(small_disk / "ballast")
    out, _ = process.communicate(timeout=HANG)
    runs = client(home).search_runs(["1"], "tags.`rnnlab.kind` = 'run'")
    assert [run.info.status for run in runs] == ["FINISHED"] * 2, out
    for run in runs:
        stored = client(home).get_metric_history(run.info.run_id, "train/loss")
        assert [metric.step for metric in stored] == list(range(5, 4001, 5))
    # The sweep, which knows of its jobs by their folders, tells that those do not have it.
    assert process.returncode == 1
    assert out.count("FAILED, ") == 2
    assert "Traceback" not in out
    (small_disk / "ballast").unlink()
    again = command(*sweep, "resume=auto")
    assert again.status == 0, again.out + again.err
    runs = client(home).search_runs(["1"])
    assert [run.info.status for run in runs] == ["FINISHED"] * 3
    for folder in folders:
        result = Result.read(folder)
        stored = client(home).get_metric_history(result.run_id, "train/loss")
        assert [metric.step for metric in stored] == list(range(5, 4001, 5))
        faults("a full disk under a sweep", **cost(client(home), result.run_id, folder))


@pytest.mark.parametrize(
    "words", [("rnnlab.compare",), ("rnnlab",), ("rnnlab", "--help"), ("rnnlab.sync", "--help")]
)
def test_what_a_command_says_may_go_unread(
    words: tuple[str, ...], command: Command, home: Path, faults: Faults
) -> None:
    """As in `rnnlab.compare | head -0`: the exit status is its own, and nobody is told of a pipe."""
    if words == ("rnnlab.compare",):
        assert command(*RUN).status == 0
    usual = run_python(home, "-m", *words).returncode
    for output, opened in OUTPUTS.items():
        file = opened()
        done = subprocess.run(
            [sys.executable, "-m", *words],
            cwd=home,
            stdout=file,
            stderr=subprocess.PIPE,
            check=False,
        )
        os.close(file)
        assert (done.returncode, done.stderr) == (usual, b"")
        faults(f"output to {output}")
    if words == ("rnnlab.compare",):
        assert (home / "outputs" / "reports" / "rnnlab" / "report.html").exists()
