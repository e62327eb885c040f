"""A run whose folder no longer says what the run was. Oracle: the run that was left alone."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from rnnlab.foundation.run_folder import RunFolder
from rnnlab.foundation.yaml_file import write_yaml
from rnnlab.tracking.manifest import Manifest
from rnnlab.tracking.result import Result
from tests.support.command import Command, client
from tests.support.faults import TRAIN, Faults
from tests.support.journals import distinct_points
from tests.support.killed_runs import killed_after, killed_at
from tests.support.refusals import refusal

RUN = ("cell=elman", *TRAIN, "train.steps=200")

EDITS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "another value": (
        lambda config: config["train"].update(data_seed=1),
        "has train.data_seed=1, and {source} has train.data_seed=0: a run goes on as it was",
    ),
    "a default that is left out": (
        lambda config: config["train"].pop("data_seed"),
        "has no train.data_seed, and {source} has train.data_seed=0",
    ),
    "a key more": (
        lambda config: config["optimizer"].update(amsgrad=True),
        "has optimizer.amsgrad=true, and {source} has ",
    ),
    "another class": (
        lambda config: config["cell"].update(_target_="rnnlab.cells.gru.GRUCell"),
        "has cell._target_=rnnlab.cells.gru.GRUCell, and {source} has cell._target_=rnnlab.cells.e",
    ),
    "a section that was none": (
        lambda config: config.update(schedule={"_target_": "torch.optim.lr_scheduler.ConstantLR"}),
        "has schedule._target_=torch.optim.lr_scheduler.ConstantLR, and {source} has no",
    ),
}


def edited(folder: RunFolder, edit: Callable[[dict[str, Any]], object]) -> None:
    config = yaml.safe_load(folder.config.read_text())
    edit(config)
    write_yaml(folder.config, config)


@pytest.mark.parametrize("moment", ["before its first checkpoint", "later", "finished"])
def test_an_edited_config_is_refused(
    moment: str, command: Command, home: Path, faults: Faults
) -> None:
    assert command(*RUN, "hydra.run.dir=whole").status == 0
    folder = RunFolder(home / "cut")
    if moment == "finished":
        assert command(*RUN, "hydra.run.dir=cut").status == 0
    else:
        killed_at(home, 20 if moment.startswith("before") else 120, *RUN, "hydra.run.dir=cut")
    source = folder.manifest if moment.startswith("before") else folder.last
    as_it_was, journal = folder.config.read_text(), folder.journal.read_bytes()
    for edit, message in EDITS.values():
        edited(folder, edit)
        for words in (("resume=cut",), (*RUN, "hydra.run.dir=cut", "resume=auto")):
            refused = refusal(*words, output=home / "cut")
            assert f"{folder.config} {message.format(source=source)}" in refused
            assert len(refused.splitlines()) == 2
        folder.config.write_text(as_it_was)
    assert folder.journal.read_bytes() == journal
    again = command(*RUN, "hydra.run.dir=cut", "resume=auto")
    assert again.status == 0, again.err
    assert distinct_points(home / "cut") == distinct_points(home / "whole")
    faults("an edited config of a run", made=len(EDITS) * 2)


def test_an_edited_choice_is_refused(home: Path, command: Command, faults: Faults) -> None:
    killed_at(home, 120, *RUN, "hydra.run.dir=cut")
    result = Result.read(home / "cut")
    result.choices["cell"] = "lstm"
    result.write()
    refused = command("resume=cut")
    assert refused.status == 2
    assert re.search(r"result\.json has cell=lstm, and .*last\.ckpt has cell=elman", refused.err)
    faults("an edited config of a run")


def test_a_folder_that_is_forged_as_a_whole_runs_no_code(home: Path, faults: Faults) -> None:
    """Its manifest agrees with its config: what may run, the command line alone says."""
    killed_at(home, 20, *RUN, "hydra.run.dir=cut")
    folder = RunFolder(home / "cut")
    edited(folder, lambda config: config.update(cell={"_target_": "os.system", "command": "id"}))
    edited(folder, lambda config: config.update(allow_targets=["os"]))
    manifest = Manifest.read(folder.path)
    others = {k: v for k, v in manifest.params.items() if not k.startswith("cell.")}
    manifest.params = {**others, "cell._target_": "os.system", "cell.command": "id"}
    manifest.write(folder.path)
    refused = refusal("resume=cut", output=home / "none")
    assert "cell._target_=os.system of the run is not in an allowed package" in refused
    faults("an edited config of a run")


def test_what_a_resume_has_changed_is_no_edit(command: Command, home: Path) -> None:
    """Killed before the next checkpoint, and in the middle of writing the change down."""
    killed_at(home, 120, *RUN, "hydra.run.dir=cut")
    allowed = ("resume=cut", "resume.allow_changes=true", "optimizer.lr=0.01")
    killed_after(home, "rnnlab.tracking.result:Result.write", *allowed)
    assert Result.read(home / "cut").changes.startswith("optimizer.lr: ")
    assert "optimizer.lr=0.01 cannot change" in refusal(
        "resume=cut", "optimizer.lr=0.01", output=home / "none"
    )  # the change had not begun
    killed_at(home, 120, *allowed)
    edited(RunFolder(home / "cut"), lambda config: config["optimizer"].update(lr=0.02))
    refused = command("resume=cut")
    assert refused.status == 2
    assert "has optimizer.lr=0.02, and" in refused.err
    assert "has optimizer.lr=0.01: a run goes on" in refused.err
    edited(RunFolder(home / "cut"), lambda config: config["optimizer"].update(lr=0.01))
    finished = command("resume=cut")
    assert finished.status == 0, finished.err
    result = Result.read(home / "cut")
    assert result.changes.count("\n") == 1
    rates = client(home).get_metric_history(result.run_id, "train/lr")
    assert {r.value for r in rates if r.step > 120} == {0.01}
