"""One failed job is one failed job, of a sweep of the default launcher. Oracle: the others."""

import os
import signal
from pathlib import Path
from subprocess import Popen

import yaml

from rnnlab.foundation.run_folder import RunFolder
from rnnlab.tracking.result import Result
from tests.support.command import Command, client
from tests.support.faults import TRAIN, Faults, cost
from tests.support.processes import HANG, WITHOUT_FIGURES, end, start_python, wait_for

FAULTY = '''
"""A cell that fails as it is told to, once its process has trained a little."""

import os
import resource
import signal
import time

import torch

from rnnlab.cells.lstm import LSTMCell


class FaultyCell(LSTMCell):
    def __init__(self, input_size: int, hidden_size: int = 8, fault: str = "none") -> None:
        super().__init__(input_size, hidden_size)
        self.fault, self.calls = fault, 0

    def forward(self, inputs, state=None):
        self.calls += 1
        if self.calls == 20:
            getattr(self, self.fault)()
        return super().forward(inputs, state)

    def none(self):
        pass

    def exception(self):
        raise KeyError("a fault of the cell")

    def killed(self):
        os.kill(os.getpid(), signal.SIGKILL)

    def memory(self):
        with open("/proc/self/statm") as file:
            used = int(file.read().split()[0]) * resource.getpagesize()
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (used + 2**28, hard))
        self.held = [torch.zeros(2**24) for _ in range(1000)]

    def hang(self):
        time.sleep(600)
        open(f"woken-{self.fault}", "w").close()

    def ignores_sigterm(self):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self.hang()

    def first(self):
        while not os.path.exists("go"):
            time.sleep(0.05)
            if os.path.exists("waiting"):
                raise KeyError("the first fault")

    def waits(self):
        open("waiting", "w").close()
        while not os.path.exists("go"):
            time.sleep(0.05)
'''
WHAT = ("exception", "killed", "memory", "hang", "ignores_sigterm")


def faulty(home: Path, *modes: str) -> tuple[str, ...]:
    """A sweep of jobs with these faults, whose cell it writes."""
    (home / "faulty.py").write_text(FAULTY)
    (home / "cell").mkdir()
    content = {"_target_": "faulty.FaultyCell", "hidden_size": 8, "fault": "none"}
    (home / "cell" / "faulty.yaml").write_text(yaml.safe_dump(content))
    return (
        *("--config-dir", ".", "-m", "allow_targets=[faulty]", "cell=faulty"),
        *(f"cell.fault={','.join(modes)}", "seed=0", *TRAIN, "train.steps=50"),
        *("task=temporal_order", "hydra.sweep.dir=s"),
    )


def test_the_others_finish_and_each_is_named(command: Command, home: Path, faults: Faults) -> None:
    sweep = faulty(home, "none", *WHAT)
    finished = command(*sweep, "hydra.launcher.job_timeout=20")
    assert finished.status == 1
    assert not list(home.glob("woken-*"))  # those that sleep were not waited for
    reasons = {
        "exception": "FAILED, KeyError: 'a fault of the cell'",
        "killed": "FAILED, its process was killed (exit status -9)",
        "memory": "FAILED, RuntimeError: [enforce fail",
        "hang": "FAILED, it ran longer than job_timeout=20 seconds",
        "ignores_sigterm": "FAILED, it ran longer than job_timeout=20 seconds",
    }
    statuses = {
        run.data.params["cell.fault"]: run.info.status
        for run in client(home).search_runs(["1"], "tags.`rnnlab.kind` = 'run'")
    }
    assert statuses == {"none": "FINISHED"} | dict.fromkeys(WHAT, "FAILED")
    for job, fault in enumerate(("none", *WHAT)):
        folder = home / "s" / str(job)
        if fault == "none":
            assert Result.read(folder).status == "FINISHED"
            continue
        (line,) = [x for x in finished.out.splitlines() if x.startswith("[") and f"={fault}:" in x]
        assert reasons[fault] in line
        if fault in ("exception", "memory"):
            assert "Traceback" in RunFolder(folder).failure.read_text()
            assert "Traceback" in (folder / "output.txt").read_text()
        else:
            assert reasons[fault].removeprefix("FAILED, ") in RunFolder(folder).failure.read_text()
        result = Result.read(folder)
        assert (result.status, result.delivered) == ("FAILED", True)
        faults(
            f"a job of a sweep: {fault.replace('_', ' ')}",
            **cost(client(home), result.run_id, folder),
        )
    assert "5 of 6 jobs failed" in finished.out
    good = home / "s" / "0"
    faults("a job beside five that fail", **cost(client(home), Result.read(good).run_id, good))


def test_fail_fast_stops_the_others_and_the_same_command_goes_on(
    command: Command, home: Path, faults: Faults
) -> None:
    sweep = (*faulty(home, "first", "waits", "none"), "hydra.launcher.n_jobs=2")
    stopped = command(*sweep, "hydra.launcher.fail_fast=true")
    assert stopped.status == 1
    assert "[1/3] cell.fault=first: FAILED, KeyError: 'the first fault'\n" in stopped.out
    assert "1 of 3 jobs failed, 1 stopped, 1 not begun:" in stopped.out
    assert "- job 0 (cell.fault=first): KeyError: 'the first fault'; see s/0" in stopped.out
    assert "- job 2 (cell.fault=none): it was not started" in stopped.out
    assert "hydra.sweep.dir=s resume=auto" in stopped.out
    assert statuses(home, "run") == ["FAILED", "KILLED"]
    assert statuses(home, "sweep") == ["FAILED"]
    assert has_checkpoint(home / "s" / "1")
    (home / "go").touch()
    again = command(*sweep, "hydra.launcher.fail_fast=true", "resume=auto")
    assert again.status == 0, again.out + again.err
    assert statuses(home, "run") == ["FINISHED"] * 3
    for job in ("0", "1", "2"):
        folder = home / "s" / job
        costs = cost(client(home), Result.read(folder).run_id, folder)
        faults("a failed job of a sweep that is to fail fast", made=int(job == "0"), **costs)


ENDLESS = (*TRAIN, "train.stop_when_solved=false", "train.block=2", "train.val_every=2")


def begun(home: Path, *arguments: str) -> Popen[str]:
    """A sweep whose first job has a checkpoint."""
    words = (
        "-m",
        "cell=elman",
        *ENDLESS,
        *arguments,
        "hydra.launcher.n_jobs=2",
        "hydra.sweep.dir=s",
    )
    process = start_python(home, "-c", WITHOUT_FIGURES, *words)
    wait_for(lambda: has_checkpoint(home / "s" / "0") or process.poll() is not None)
    return process


def has_checkpoint(job: Path) -> bool:
    return (job / "checkpoints" / "last.ckpt").exists()


def pid_of_job(folder: Path) -> int:
    """The process whose standard output is the job's file."""
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "fd" / "1").readlink() == folder / "output.txt":
                return int(entry.name)
        except OSError:
            continue
    raise AssertionError(f"no process writes to {folder}")


def statuses(home: Path, kind: str) -> list[str]:
    runs = client(home).search_runs(["1"], f"tags.`rnnlab.kind` = '{kind}'")
    return sorted(run.info.status for run in runs)


def test_sigkill_of_one_job_costs_that_job_only(home: Path, faults: Faults) -> None:
    process = begun(home, "seed=0,1", "train.steps=1000000,8")
    try:
        os.kill(pid_of_job(home / "s" / "0"), signal.SIGKILL)
        # Job 2 is endless as well: killed once it runs.
        wait_for(lambda: has_checkpoint(home / "s" / "2"))
        os.kill(pid_of_job(home / "s" / "2"), signal.SIGKILL)
        out, _ = process.communicate(timeout=HANG)
    finally:
        end(process)
    assert process.returncode == 1
    assert out.count("FAILED, its process was killed (exit status -9)") == 2
    assert "2 of 4 jobs failed" in out
    assert statuses(home, "run") == ["FAILED", "FAILED", "FINISHED", "FINISHED"]
    for made, job in ((1, "0"), (0, "1"), (1, "2"), (0, "3")):
        folder = home / "s" / job
        costs = cost(client(home), Result.read(folder).run_id, folder)
        faults("SIGKILL of a job", made, **costs)


def test_ctrl_c_stops_every_job(home: Path, faults: Faults) -> None:
    process = begun(home, "seed=0,1,2,3", "train.steps=1000000")
    try:
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=HANG)
    finally:
        end(process)
    assert process.returncode == 130
    assert "stopped by SIGINT" in out
    assert "it was not started" in out
    assert statuses(home, "sweep") == ["KILLED"]
    assert set(statuses(home, "run")) == {"KILLED"}
    faults("Ctrl-C of a sweep whose jobs wait")
