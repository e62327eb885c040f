"""A cell, a task and a diagnostic of a user's own: two files each, and no list of rnnlab's edited.

Oracle: the files below. The task counts its length by a key that rnnlab has never heard of.
"""

import json
import re
from pathlib import Path

import pytest

from rnnlab.report.read_runs import read_runs
from rnnlab.report.report import make_report
from rnnlab.report.select_runs import runs_of_experiment
from tests.support.command import client
from tests.support.processes import WITHOUT_FIGURES, run_python

FILES = {
    "echo_cell.py": '''
import torch
from torch import Tensor, nn

from rnnlab.cells import Cell, State


class EchoCell(Cell):
    """h_t = tanh(W x_t) + h_{t-1} / 2"""

    def __init__(self, input_size: int, hidden_size: int = 4) -> None:
        super().__init__(input_size, hidden_size)
        self.weight_ih = nn.Linear(input_size, hidden_size)
        self.depth = 3  # which Cell.depth is not

    def step(self, inputs: Tensor, state: State) -> State:
        return (torch.tanh(self.weight_ih(inputs)) + state[0] / 2,)
''',
    "cell/echo.yaml": "# A fading echo of the inputs\n_target_: echo_cell.EchoCell\nhidden_size: 4\n",
    "gap_task.py": '''
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import torch
from torch import Tensor
from torch.nn import functional as F

from rnnlab.tasks import Batch, Draws, Task


@dataclass(frozen=True)
class Gap(Task):
    """Tell the sign of the first number after a gap of zeros."""

    length_key: ClassVar[str] = "gap"

    gap: int = 10

    @property
    def seq_len(self) -> int:
        return self.gap + 1

    @property
    def input_size(self) -> int:
        return 1

    @property
    def output_size(self) -> int:
        return 1

    @property
    def chance(self) -> float:
        return 1.0

    def sample(self, draws: Draws) -> Batch:
        signs = draws.integers(0, 2, 1, 1).float() * 2 - 1
        return Batch(F.pad(signs, (0, 0, 0, self.gap)), signs)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return F.mse_loss(outputs, targets)

    def errors(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return (outputs * targets <= 0).flatten(1).any(1)

    def at_length(self, seq_len: int) -> Self:
        return replace(self, gap=seq_len - 1)
''',
    "task/gap.yaml": "# The sign of the first number, after a gap\n_target_: gap_task.Gap\ngap: 10\n",
    "readout_norm.py": '''
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from rnnlab.diagnostics import Diagnostic, Measurement


@dataclass(frozen=True)
class ReadoutNorm(Diagnostic):
    """The norm of V."""

    reported: ClassVar = {"readout/norm": "norm of V"}

    def measure(self, probe):
        norm = probe.model.readout.weight.norm().item()
        return Measurement({"readout/norm": norm}, {"norm": np.array([norm])})

    def draw(self, axes, first, last):
        axes.bar(["at first", "at the end"], [first["norm"][0], last["norm"][0]])
''',
    "diagnostics/readout_norm.yaml": (
        "# The norm of the readout\n_target_: readout_norm.ReadoutNorm\n"
    ),
}
OWN = (
    *("--config-dir", "own", "allow_targets=[echo_cell,gap_task,readout_norm]"),
    *("cell=echo", "task=gap", "diagnostics=readout_norm"),
)
QUICK = (
    *("train.steps=4", "train.block=2", "train.val_every=2", "train.batch_size=4"),
    *("eval.sequences=400", "eval.val_sequences=20", "eval.batch_size=200"),
    "tracking.log_model=false",
)


@pytest.fixture
def own(home: Path) -> Path:
    for name, text in FILES.items():
        path = home / "own" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return home


def run(home: Path, *arguments: str) -> str:
    done = run_python(home, "-c", WITHOUT_FIGURES, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_help_lists_all_three(own: Path) -> None:
    text = run(own, "--config-dir", "own", "--help")
    for name, meaning in (
        ("echo", "A fading echo of the inputs"),
        ("gap", "The sign of the first number, after a gap"),
        ("readout_norm", "The norm of the readout"),
    ):
        assert re.search(rf"^ +{name} +{meaning}$", text, re.MULTILINE), name


@pytest.mark.slow
def test_a_sweep_over_its_lengths_and_the_report_know_them(own: Path) -> None:
    out = run(own, "-m", *OWN, "task.gap=3,5", "seed=0,1", *QUICK)
    rows = re.findall(r"^\| (echo) +\| (\d+) +\| (\d of \d)", out, re.MULTILINE)
    assert [row[:2] for row in rows] == [("echo", "3"), ("echo", "5")]
    assert all(row[2].endswith("of 2") for row in rows)  # both seeds of a length are one group
    store = client(own)
    runs = read_runs(store, runs_of_experiment(store, "rnnlab"))
    report = make_report(runs)
    assert [(group.label, group.task, group.length) for group in report.grid.groups] == [
        ("echo", "gap", 3),
        ("echo", "gap", 5),
    ]
    variants, tasks, (_, header, rows) = report.tables
    assert variants[2] == [["echo", "A fading echo of the inputs", "H^2", "T"]]
    assert tasks[2] == [["gap", "The sign of the first number, after a gap"]]
    assert header == ["variant", "task", "length", "norm of V (95 %)"]
    norms = [run.metrics["readout/norm"] for run in runs if run.length == 3]
    assert rows[0][-1].startswith(f"{sum(norms) / 2:.4g}")


@pytest.mark.slow
def test_a_search_for_the_horizon_sets_its_length(own: Path) -> None:
    search = ("hydra/sweeper=horizon", "hydra.sweeper.seeds=1", "hydra.sweep.dir=s")
    bounds = ("hydra.sweeper.start=2", "hydra.sweeper.longest=4")
    out = run(own, "-m", *OWN, *search, *bounds, *QUICK)
    assert "Lengths are task.gap." in out
    found = json.loads((own / "s" / "horizon.json").read_text("utf-8"))
    (horizon,) = found["horizons"]
    assert horizon["key"] == "task.gap"
    lengths = [
        int(run.data.params["task.gap"])
        for run in client(own).search_runs(["1"])
        if "task.gap" in run.data.params
    ]
    probed = [probe["length"] for probe in horizon["probes"] for _ in range(probe["seeds"])]
    assert sorted(lengths) == sorted(probed)


def test_a_length_key_that_is_no_field_is_refused(own: Path) -> None:
    path = own / "own" / "gap_task.py"
    path.write_text(path.read_text("utf-8").replace('str] = "gap"', 'str] = "gpa"'), "utf-8")
    done = run_python(own, "-m", "rnnlab.run", *OWN, *QUICK)
    assert done.returncode == 2
    assert "length_key='gpa' of Gap names no whole number of it" in done.stderr
    assert "Traceback" not in done.stderr
