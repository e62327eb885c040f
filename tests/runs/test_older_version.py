"""What another version has made: read where it can be, else refused in one line. Oracle: a run of this."""

import json
from pathlib import Path

import mlflow
import pytest

import rnnlab
from rnnlab.foundation.run_folder import RunFolder, SweepFolder
from rnnlab.sweeps.parent_run import ParentRun
from rnnlab.sweeps.sweep_file import SweepFile
from rnnlab.tracking.result import Result
from tests.support.command import QUICK, SMALL, Command

RUN = (*QUICK, *SMALL, "cell=gru")


@pytest.fixture
def older(command: Command, home: Path) -> RunFolder:
    """A run that was killed, and whose manifest says that rnnlab 0.1 made it."""
    folder = RunFolder(home / "outputs" / "runs" / "a" / "b")
    assert command(*RUN, f"hydra.run.dir={folder.path}").status == 0
    result = Result.read(folder.path)
    result.status = "KILLED"
    result.write()
    manifest = json.loads(folder.manifest.read_text("utf-8"))
    del manifest["sha256"]  # which 0.1 did not write
    manifest["tags"]["rnnlab.version"] = "0.1.0"
    folder.manifest.write_text(json.dumps(manifest), "utf-8")
    return folder


@pytest.mark.slow
def test_it_does_not_go_on(command: Command, older: RunFolder) -> None:
    expected = f"{older.path} was made by rnnlab 0.1.0, and this is {rnnlab.__version__}"
    for again in ((f"resume={older.path}",), (*RUN, f"hydra.run.dir={older.path}", "resume=auto")):
        refused = command(*again)
        assert refused.status == 2
        assert expected in refused.err
        assert "Traceback" not in refused.err


def test_the_same_command_begins_anew_beside_it(command: Command, older: RunFolder) -> None:
    before = older.journal.read_bytes()
    assert command(*RUN, "resume=auto").status == 0
    assert older.journal.read_bytes() == before
    folders = {path.parent for path in older.path.parents[1].glob("*/*/result.json")}
    assert len(folders) == 2


def test_its_sweep_does_not_go_on(command: Command, home: Path) -> None:
    """A search for horizons would count its runs, and a sweep would leave out what it has finished."""
    folder = SweepFolder(home / "s")
    folder.path.mkdir()
    parent = ParentRun.new(folder, "rnnlab", SweepFile([*RUN], {}, "sqlite:///mlflow.db"), {}, {})
    parent.manifest.tags["rnnlab.version"] = "0.1.0"
    parent.write()
    before = folder.sweep_file.read_bytes()
    refused = command("-m", *RUN, "hydra.sweep.dir=s", "resume=auto")
    assert refused.status == 2
    assert f"{folder.path} was made by rnnlab 0.1.0" in refused.err
    assert folder.sweep_file.read_bytes() == before


def test_it_is_delivered(older: RunFolder, sync: Command) -> None:
    assert sync().status == 0
    assert Result.read(older.path).delivered


def test_its_model_is_refused(older: RunFolder) -> None:
    path = older.model / "artifacts" / "model.json"
    content = json.loads(path.read_text("utf-8"))
    assert mlflow.pyfunc.load_model(str(older.model)) is not None
    path.write_text(json.dumps(content | {"version": "0.1.0"}), "utf-8")
    with pytest.raises(ValueError, match=r"the model was made by rnnlab 0\.1\.0, and this is"):
        mlflow.pyfunc.load_model(str(older.model))
