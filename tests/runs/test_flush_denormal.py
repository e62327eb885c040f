"""Subnormal numbers in the thread that trains: oracle is what that thread makes of one."""

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from rnnlab.cells.elman import ElmanCell
from rnnlab.cells.sequence_model import SequenceModel
from rnnlab.foundation.compute import set_flush_denormal
from rnnlab.tasks.adding import Adding
from rnnlab.training.module import TrainingModule
from rnnlab.training.settings import EvalSettings, TrainSettings
from tests.support.command import QUICK, SMALL, Command, client
from tests.support.training import Recorder, fit, module_of, trainer_of

TINY = '''
import torch
from rnnlab.cells import Cell
from rnnlab.diagnostics import Diagnostic, Measurement


def subnormal():
    """1 where a subnormal number differs from 0, else 0."""
    return float(torch.full((1,), 2e-38) * 1e-3 > 0)


class Tiny(Cell):
    """h_t = 1 where such numbers are kept."""

    def step(self, inputs, state):
        return (torch.full_like(state[0], subnormal()),)


class Seen(Diagnostic):
    def measure(self, probe):
        return Measurement({"memory/subnormal": subnormal()}, {})

    def draw(self, axes, first, last):
        pass
'''

OWN = (
    *("--config-dir", ".", "allow_targets=[tiny]", "cell=tiny", *QUICK[:-1], *SMALL),
    *("diagnostics=none", "+diagnostics.seen._target_=tiny.Seen", "tracking.log_model=false"),
)


@pytest.fixture
def _tiny(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (home / "tiny.py").write_text(TINY)
    (home / "cell").mkdir()
    (home / "cell" / "tiny.yaml").write_text("_target_: tiny.Tiny\nhidden_size: 2\n")
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    sys.modules.pop("tiny", None)


@pytest.fixture(autouse=True)
def _as_torch_has_it() -> Iterator[None]:
    yield
    set_flush_denormal(False)


@pytest.mark.usefixtures("_tiny")
@pytest.mark.parametrize("launcher", [pytest.param("processes", marks=pytest.mark.slow), "basic"])
def test_a_subnormal_number_in_training_validation_and_diagnostics(
    launcher: str, command: Command, home: Path
) -> None:
    """In jobs of one process one after another, so that none has the setting of the one before."""
    jobs = ("flush_denormal=true,false", f"hydra/launcher={launcher}")
    alone = ("hydra.launcher.n_jobs=1",) if launcher == "processes" else ()
    finished = command("-m", *OWN, *jobs, *alone)
    assert finished.status == 0, finished.err
    runs = client(home).search_runs(["1"], "tags.`rnnlab.kind` = 'run'")
    flushed, kept = (
        next(run.data.metrics for run in runs if run.data.params["flush_denormal"] == value)
        for value in ("true", "false")
    )
    assert (flushed["memory/subnormal"], kept["memory/subnormal"]) == (0, 1)
    for loss in ("train/loss", "val/loss", "test/loss"):  # the readout's V counts, or not
        assert flushed[loss] != kept[loss]


def test_losses_are_the_same_to_rounding(tmp_path: Path) -> None:
    """Of a network whose gradient vanishes: after 300 steps of a spectral radius of about 0.06."""
    losses = {}
    for flush in (True, False):
        set_flush_denormal(flush)
        torch.manual_seed(0)
        task, cell = Adding(seq_len=300), partial(ElmanCell, hidden_size=16, recurrent_gain=0.1)
        module = TrainingModule(
            SequenceModel(cell, task.input_size, task.output_size),
            task,
            partial(torch.optim.Adam, lr=0.01),
            train_settings=TrainSettings(steps=20, batch_size=4, block=20, val_every=20),
            eval_settings=EvalSettings(sequences=400, val_sequences=100),
        )
        trainer_of(module, tmp_path, Recorder(tmp_path), ()).fit(module)
        losses[flush] = [module.recent["train/loss"], module.recent["val/loss"]]
    assert losses[True] == pytest.approx(losses[False], rel=1e-6)


def test_a_trainer_of_your_own_takes_them_as_0_where_it_is_asked_to(tmp_path: Path) -> None:
    """The thread that trains is the one that asked."""
    seen = []

    class Look(pl.Callback):
        def on_train_batch_end(self, *_: Any, **__: Any) -> None:
            seen.append(bool(torch.full((1,), 2e-38) * 1e-3 > 0))

    for flush in (True, False):
        set_flush_denormal(flush)
        fit(module_of(steps=2), tmp_path, Look())
    assert seen == [False, True]


def test_threads_that_have_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting is a thread's own: torch's begin anew, with the new one."""
    subnormal = torch.full((1_000_000,), 2e-38)
    try:
        torch.set_num_threads(2)
        for flush in (True, False, True):
            set_flush_denormal(flush)
            zero = subnormal * 1e-3 == 0
            assert zero.all() if flush else not zero.any()
    finally:
        torch.set_num_threads(1)
