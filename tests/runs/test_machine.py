"""A run that goes on with another device, or version of torch, says so. Oracle: what its files say it had."""

from pathlib import Path

import pytest
import torch

from rnnlab.runs.machine import moved
from rnnlab.tracking.result import Result
from tests.support.command import QUICK, SMALL, Command, client
from tests.support.killed_runs import killed_at

RUN = (*QUICK, *SMALL, "tracking.log_model=false", "cell.hidden_size=4", "hydra.run.dir=a")
OTHER = {"device": "cuda, NVIDIA H200", "torch": torch.__version__}


def computed_elsewhere(folder: Path) -> None:
    result = Result.read(folder)
    assert result.machine["device"].startswith("cpu, ")
    assert result.machine["torch"] == torch.__version__
    result.machine = OTHER
    result.write()


@pytest.mark.slow
def test_a_run_that_was_killed_goes_on_and_says_so(command: Command, home: Path) -> None:
    killed_at(home, 2, *RUN)
    here = Result.read(home / "a").machine
    computed_elsewhere(home / "a")
    resumed = command("resume=a")
    assert resumed.status == 0, resumed.err
    line = f"device: cuda, NVIDIA H200 -> {here['device']}"
    assert f"{line}\nthe run goes on, and its last bits may be others" in resumed.out
    result = Result.read(home / "a")
    assert (result.machine, result.changes) == (here, f"{line}\n")
    (run,) = client(home).search_runs(["1"])
    assert run.data.tags["rnnlab.changes"] == f"{line}\n"
    assert {key: run.data.tags[f"rnnlab.{key}"] for key in here} == here  # as it began
    assert command("resume=a", "train.steps=8").status == 0  # nothing is otherwise now
    assert Result.read(home / "a").changes == f"{line}\ntrain.steps: 4 -> 8\n"


@pytest.mark.slow
def test_one_that_had_finished_trains_on_there_if_it_is_asked_to(
    command: Command, home: Path
) -> None:
    assert command(*RUN).status == 0
    computed_elsewhere(home / "a")
    before = set(home.rglob("*"))
    refused = command("resume=a", "train.steps=8")
    assert refused.status == 2
    assert refused.err.startswith("device: cuda, NVIDIA H200 -> cpu, ")
    assert refused.err.endswith("(resume.allow_changes=true lets it, and writes it down)\n")
    assert set(home.rglob("*")) == before
    allowed = command("resume=a", "train.steps=8", "resume.allow_changes=true")
    assert allowed.status == 0, allowed.err
    assert "device: cuda, NVIDIA H200 -> cpu, " in Result.read(home / "a").changes


@pytest.mark.parametrize(
    ("had", "lines"),
    [
        ({}, ""),  # a run of an older version
        (OTHER, ""),
        (OTHER | {"torch": "2.1"}, f"torch: 2.1 -> {torch.__version__}\n"),
    ],
)
def test_what_has_moved(had: dict[str, str], lines: str) -> None:
    assert moved(had, OTHER) == lines
