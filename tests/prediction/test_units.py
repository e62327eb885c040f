"""Numbers of a user's file go in and come out in its units. Oracle: the scales by hand, from the file itself."""

import shutil
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import onnxruntime
import pytest
import torch

from rnnlab.export import main as export
from rnnlab.predict import main
from rnnlab.prediction.predictor import load_predictor
from rnnlab.runs.reopen import load_module
from tests.support.command import QUICK, Command, called
from tests.support.data_files import write_data

TINY = (*QUICK, "cell=gru", "cell.hidden_size=4", "eval.sequences=2", "eval.val_sequences=2")


@pytest.fixture
def predict(
    home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Command:
    """`python -m rnnlab.predict` with these words, in `home`."""
    return lambda *words: called(main, ["rnnlab.predict", *words], monkeypatch, capfd)


@pytest.mark.slow
def test_values_are_told_in_the_units_of_the_file(
    command: Command, predict: Command, home: Path
) -> None:
    """On a machine that has not the data any longer; however far they are from 0."""
    write_data(home / "data")
    with np.load(
        home / "data" / "values.npz"
    ) as arrays:  # little of which single precision would keep
        inputs, targets = 1e6 + 0.01 * arrays["inputs"], arrays["targets"]
    np.savez(home / "data" / "far.npz", inputs=inputs, targets=targets)
    task = ("task=arrays", "task.path=data/far.npz", "task.target=value")
    assert command(*task, *TINY, "hydra.run.dir=run").status == 0
    module = load_module(home / "run" / "checkpoints" / "best.ckpt")
    found = module.task.from_data
    shutil.rmtree(home / "data")
    np.save(home / "x.npy", inputs)
    assert predict("run=run", "input=x.npy", "output=y.npz", "steps=all").status == 0
    shown, told = _scale(found, ""), _scale(found, "target_")
    with torch.inference_mode():
        scaled = torch.from_numpy(((inputs - shown[0]) / shown[1]).astype(np.float32))
        outputs = module.model(scaled)[0].numpy() * told[1] + told[0]
    with np.load(home / "y.npz") as answers:
        for n, wanted in enumerate(outputs):
            np.testing.assert_allclose(answers[str(n)], wanted, rtol=1e-4, atol=1e-5)


def _scale(found: dict[str, Any], start: str) -> tuple[np.ndarray, np.ndarray]:
    return np.asarray(found[f"{start}mean"]), np.asarray(found[f"{start}scale"])


def test_mlflow_and_onnx_have_the_same_units(
    command: Command, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], home: Path
) -> None:
    """Oracle: rnnlab.predict."""
    write_data(home / "data")
    task = ("task=arrays", "task.path=data/values.npz", "task.target=value")
    assert command(*task, *TINY, "hydra.run.dir=run").status == 0
    with np.load(home / "data" / "values.npz") as arrays:
        inputs = arrays["inputs"].astype(np.float32)
    shutil.rmtree(home / "data")
    stream = load_predictor(str(home / "run")).stream()
    wanted = stream.feed(inputs[0]).outputs
    assert wanted.std() > 1  # of the file's numbers, which are about 130
    served: Any = mlflow.pyfunc.load_model(str(home / "run" / "model"))
    np.testing.assert_allclose(served.predict(inputs[:1])[0], wanted, rtol=1e-5)
    words = ["rnnlab.export", "run=run", "output=model.onnx"]
    assert called(export, words, monkeypatch, capfd).status == 0
    session = onnxruntime.InferenceSession(home / "model.onnx")
    (found,) = session.run(None, {"inputs": inputs[:1]})
    np.testing.assert_allclose(np.asarray(found)[0], wanted, rtol=1e-5)
    inputs[0, 1, 0] = np.nan
    with pytest.raises(ValueError, match="sequence 0, step 1, feature 0 is no finite number"):
        served.predict(inputs[:1])


def test_a_text_is_continued(command: Command, predict: Command, home: Path) -> None:
    """Oracle: the model on the characters by hand."""
    write_data(home / "data")
    assert (
        command(
            "task=text", "task.path=data/text.txt", "task.seq_len=8", *TINY, "hydra.run.dir=run"
        ).status
        == 0
    )
    module = load_module(home / "run" / "checkpoints" / "best.ckpt")
    names = module.task.class_names
    assert names is not None
    text = (home / "data" / "text.txt").read_text("utf-8")[:20]
    (home / "x.txt").write_text(text, "utf-8")
    shutil.rmtree(home / "data")
    assert predict("run=run", "input=x.txt", "output=y.npz").status == 0
    inputs = torch.eye(len(names))[[names.index(character) for character in text]]
    with torch.inference_mode():
        outputs = module.model(inputs.unsqueeze(0))[0][0]
    with np.load(home / "y.npz") as answers:
        np.testing.assert_allclose(answers["0"], outputs.numpy(), rtol=1e-5, atol=1e-6)
        best = [names[n] for n in outputs.argmax(dim=1).tolist()]
        assert answers["0/class"].tolist() == best
