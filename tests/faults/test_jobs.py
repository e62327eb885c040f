"""One failed job is one failed job: every way of failing, in one sweep of the default launcher."""

import time
from pathlib import Path

import yaml

from rnnlab.tracking.result import FAILURE, Result
from tests.conftest import Command, client
from tests.faults.conftest import TRAIN, Faults, cost

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

    def deaf(self):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(600)
'''
WHAT = ("exception", "killed", "memory", "hang", "deaf")


def test_the_others_finish_and_each_is_named(command: Command, home: Path, faults: Faults) -> None:
    (home / "faulty.py").write_text(FAULTY)
    (home / "cell").mkdir()
    content = {"_target_": "faulty.FaultyCell", "hidden_size": 8, "fault": "none"}
    (home / "cell" / "faulty.yaml").write_text(yaml.safe_dump(content))
    modes = ",".join(("none", *WHAT))
    began = time.monotonic()
    finished = command(
        *("--config-dir", ".", "-m", "allow_targets=[faulty]", "cell=faulty"),
        *(f"cell.fault={modes}", "seed=0", *TRAIN, "train.steps=50", "task=temporal_order"),
        *("hydra.launcher.job_timeout=8", "hydra.sweep.dir=s"),
    )
    assert time.monotonic() - began < 60 + 2 * 8
    assert finished.status == 1
    told = {
        "exception": "FAILED, KeyError: 'a fault of the cell'",
        "killed": "FAILED, its process was killed (exit status -9)",
        "memory": "FAILED, RuntimeError: [enforce fail",
        "hang": "FAILED, it ran longer than job_timeout=8 seconds",
        "deaf": "FAILED, it ran longer than job_timeout=8 seconds",
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
        (line,) = [x for x in finished.out.splitlines() if x.startswith("[") and f"={fault} " in x]
        assert told[fault] in line
        if fault in ("exception", "memory"):
            assert "Traceback" in (folder / FAILURE).read_text()
            assert "Traceback" in (folder / "output.txt").read_text()
        else:
            assert told[fault].removeprefix("FAILED, ") in (folder / FAILURE).read_text()
        result = Result.read(folder)
        assert (result.status, result.delivered) == ("FAILED", True)
        faults(f"a job of a sweep: {fault}", **cost(client(home), result.run_id, folder))
    assert "5 of 6 jobs failed" in finished.out
    good = home / "s" / "0"
    faults("a job of a sweep: others", 0, **cost(client(home), Result.read(good).run_id, good))
