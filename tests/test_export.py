"""python -m rnnlab.export. Oracle: onnxruntime beside the run's own checkpoint."""

import json
import shutil
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from rnnlab.export import main
from rnnlab.runs.reopen import load_module
from tests.support.command import QUICK, SMALL, Command, called, made_run

RUN = ("cell=gru", "cell.hidden_size=4", "task=temporal_order", *QUICK, *SMALL)


@pytest.fixture
def export(
    home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Command:
    """`python -m rnnlab.export` with these words, in `home`."""
    return lambda *words: called(main, ["rnnlab.export", *words], monkeypatch, capfd)


@pytest.fixture(scope="module")
def shared_run(shared_home: Path) -> Path:
    made_run(shared_home, *RUN)
    return shared_home / "run"


@pytest.fixture
def trained(shared_run: Path, home: Path) -> Path:
    """A copy in `home`."""
    return Path(shutil.copytree(shared_run, home / "run"))


@pytest.mark.parametrize("checkpoint", ["best", "last"])
def test_the_file_answers_as_the_checkpoint(
    checkpoint: str, trained: Path, export: Command, home: Path
) -> None:
    done = export("run=run", "output=model.onnx", f"checkpoint={checkpoint}")
    size = (home / "model.onnx").stat().st_size
    assert done == (0, f"model.onnx  {size} bytes\n", "")
    session = onnxruntime.InferenceSession(home / "model.onnx")
    model = load_module(trained / "checkpoints" / f"{checkpoint}.ckpt").model
    for batch, steps in ((1, 1), (3, 10), (2, 57)):
        inputs = torch.randn(batch, steps, 6)
        with torch.no_grad():
            wanted, _ = model(inputs)
        (found,) = session.run(None, {"inputs": inputs.numpy()})
        np.testing.assert_allclose(np.asarray(found), wanted.numpy(), rtol=1e-5, atol=1e-5)
    names = json.loads(session.get_modelmeta().custom_metadata_map["rnnlab.class_names"])
    assert names == ["AA", "BA", "AB", "BB"]


def test_what_is_refused(trained: Path, export: Command, home: Path) -> None:
    """In one line, exit 2, and nothing is written over or left behind."""
    (home / "there.onnx").write_text("the user's")
    before = {*home.iterdir()}
    for words, why in (
        (("output=m.onnx",), "run=... is missing"),
        (("run=run",), "output=... is missing"),
        (("run=run", "output=m.txt"), "output=m.txt does not end in .onnx"),
        (("run=run", "output=there.onnx"), "output=there.onnx exists: overwrite=true replaces it"),
        (("run=run", "output=no/m.onnx"), "output=no/m.onnx: there is no folder"),
        (("run=nowhere", "output=m.onnx"), "run=nowhere: there is no such folder"),
        (("run=run", "output=m.onnx", "checkpoint=worst"), "checkpoint=worst"),
        (("run=run", "outputs=m.onnx"), "outputs=m.onnx is no key=value of an export: did you"),
        (("run=run", "run=run", "output=m.onnx"), "run is set twice"),
    ):
        done = export(*words)
        assert done.status == 2
        assert why in done.err
        assert done.err.count("\n") == 1
        assert not done.out
    assert {*home.iterdir()} == before
    assert (home / "there.onnx").read_text() == "the user's"
    assert export("run=run", "output=there.onnx", "overwrite=true").status == 0
    assert (home / "there.onnx").stat().st_size > 100


def test_a_cell_without_a_layer_of_torch_is_refused_by_name(
    command: Command, export: Command, home: Path
) -> None:
    words = ("cell=elman", "cell.nonlinearity=sigmoid", *QUICK, *SMALL, "hydra.run.dir=run")
    assert command(*words).status == 0
    done = export("run=run", "output=m.onnx")
    assert done.status == 2
    assert done.err.startswith("ElmanCell cannot be written as ONNX: nn.RNN has no nonlinearity=")
    assert not (home / "m.onnx").exists()


def test_help(export: Command) -> None:
    assert export("--help").status == 0
    assert export().status == 2
