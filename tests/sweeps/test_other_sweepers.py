"""Sweepers that are not rnnlab's, of whose jobs nobody knows before they are asked for."""

from pathlib import Path
from typing import Any, ClassVar

import pytest
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper

from rnnlab.tracking.result import Result
from tests.support.command import QUICK, SMALL, Command
from tests.support.refusals import refusal

NAME = "hydra_plugins.others.Others"
OTHERS = (f"hydra.sweeper._target_={NAME}",)


class Others(Sweeper):
    """A sweeper of which nothing is known."""

    def __init__(self, max_batch_size: int | None = None, params: object = None) -> None: ...

    def setup(self, **_: object) -> None: ...

    def sweep(self, arguments: list[str]) -> None: ...


def test_a_sweeper_of_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows its jobs; `train.steps` is not what it sweeps here, `seed` is."""
    monkeypatch.setitem(Plugins.instance().class_name_to_class, NAME, Others)
    others = (*OTHERS, "seed=0,0", "tracking.experiment='x${hydra:job.num}'")
    assert refusal(*others, output=tmp_path, sweep=True) == ""
    said = refusal(*others, "train.steps=0", output=tmp_path, sweep=True)
    assert said == "train.steps=0 is too small: at least 1"


class Repeats(Others):
    """One that asks for the same again, as a search by chance does: within a batch, and later."""

    returned: ClassVar[list[list[Any]]] = []

    def setup(self, **named: Any) -> None:
        self.given = Plugins.instance().instantiate_launcher(**named)

    def sweep(self, arguments: list[str]) -> None:
        for number, cells in enumerate((("elman", "gru", "elman"), ("gru", "lstm"))):
            jobs = [[*arguments, f"cell={cell}"] for cell in cells]
            self.returned.append(list(self.given.launch(jobs, initial_job_idx=3 * number)))


def test_what_it_asks_for_twice_is_run_once(
    command: Command, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Oracle: the loss in the folder of the one run."""
    monkeypatch.setitem(Plugins.instance().class_name_to_class, NAME, Repeats)
    monkeypatch.setattr(Repeats, "returned", [])
    settings = (*QUICK, *SMALL, "tracking.log_model=false", "hydra/launcher=basic")
    finished = command("-m", *OTHERS, *settings, "hydra.sweep.dir=s")
    assert finished.status == 0, finished.err
    found = {job.name: Result.read(job) for job in sorted((home / "s").glob("[0-9]"))}
    assert [result.variant for result in found.values()] == ["elman", "gru", "lstm"]
    loss = {result.variant: result.metrics["test/loss"] for result in found.values()}
    first, second = Repeats.returned
    assert [job.return_value for job in first] == [loss["elman"], loss["gru"], loss["elman"]]
    assert [job.return_value for job in second] == [loss["gru"], loss["lstm"]]
    assert [job.overrides[-1] for job in first] == ["cell=elman", "cell=gru", "cell=elman"]
    assert "round 1: 2 jobs" in finished.out
    assert "round 2: 2 jobs, 1 of them finished before" in finished.out
    assert "\n[round 1, job 1] elman: loss " in finished.out
    assert "\n[round 2, job 4] lstm: loss " in finished.out
