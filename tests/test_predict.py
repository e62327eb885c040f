"""python -m rnnlab.predict on a run. Oracles: its checkpoint, opened by itself; one long call; the peak of memory."""

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
import torch

from rnnlab.predict import HELP, main
from rnnlab.prediction.predictor import Predictor, load_predictor
from rnnlab.runs.reopen import load_module
from rnnlab.tracking.result import Result
from tests.support.command import QUICK, SMALL, Command, called, client, made_run
from tests.support.predictors import symbols
from tests.support.processes import run_python

ORDER = ("task=temporal_order", "cell.hidden_size=6", *QUICK, *SMALL)
FILES = ("input=x.npy", "output=y.npy", "steps=all")


@pytest.fixture(scope="module")
def trained(shared_home: Path) -> Path:
    """A folder with its store, and a run in `run`."""
    made_run(shared_home, "cell=lstm", *ORDER)
    np.save(shared_home / "x.npy", np.stack(symbols(70, 70)))
    return shared_home


@pytest.fixture
def predict(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Command]:
    """`python -m rnnlab.predict` with these words in the folder of the run."""
    monkeypatch.chdir(trained)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    yield lambda *words: called(main, ["rnnlab.predict", *words], monkeypatch, capfd)
    for path in trained.glob("y*"):
        path.unlink()


def answers(folder: Path, checkpoint: str = "best") -> np.ndarray:
    """Of the checkpoint, whose config says what its model is."""
    module = load_module(folder / "run" / "checkpoints" / f"{checkpoint}.ckpt")
    predictor = Predictor(module.model, module.task)
    return np.stack([predictor.stream().feed(x).outputs for x in np.load(folder / "x.npy")])


def files(folder: Path) -> dict[str, bytes]:
    """But for logs, to which the process of the run still writes."""
    paths = (p for p in folder.rglob("*") if p.is_file() and p.suffix != ".log")
    return {str(p.relative_to(folder)): p.read_bytes() for p in paths}


@pytest.mark.parametrize("checkpoint", ["best", "last"])
def test_a_run_by_its_folder(checkpoint: str, trained: Path, predict: Command) -> None:
    """The model's own answers; nothing is written into the run."""
    before = files(trained / "run")
    ended = predict("run=run", *FILES, f"checkpoint={checkpoint}")
    assert ended == (0, "y.npy  2 sequences, 140 steps in all\n", "")
    found = np.load(trained / "y.npy")
    assert np.array_equal(found, answers(trained, checkpoint))
    model = load_module(trained / "run" / "checkpoints" / f"{checkpoint}.ckpt").model.eval()
    with torch.no_grad():
        outputs, _ = model(torch.from_numpy(np.load(trained / "x.npy")))
    np.testing.assert_allclose(found, outputs.numpy(), rtol=1e-4, atol=1e-6)
    assert files(trained / "run") == before


def test_a_run_by_its_names_in_mlflow(trained: Path, predict: Command) -> None:
    """With its folder here and without."""
    run_id = Result.read(trained / "run").run_id
    mlflow.set_tracking_uri(f"sqlite:///{trained}/mlflow.db")
    version = mlflow.register_model(f"runs:/{run_id}/model", "order").version
    client(trained).set_registered_model_alias("order", "good", version)
    mlflow.set_tracking_uri(None)  # pyrefly: ignore[bad-argument-type]
    wanted = answers(trained)
    names = [run_id, "models:/order@good", f"models:/order/{version}", f"runs:/{run_id}/model"]
    (trained / "run").rename(trained / "away")
    try:
        for name in names:
            assert predict(f"run={name}", *FILES, "overwrite=true").status == 0
            assert np.array_equal(np.load(trained / "y.npy"), wanted)
        refused = predict(f"run={run_id}", *FILES, "overwrite=true", "checkpoint=last")
        assert "which is not on this machine: its store has checkpoint=best alone" in refused.err
    finally:
        (trained / "away").rename(trained / "run")
    assert predict(f"run={run_id}", *FILES, "overwrite=true", "checkpoint=last").status == 0
    assert "MLFLOW_TRACKING_URI" not in os.environ  # nothing is said to the process


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("run=models:/order@nobody",), "run=models:/order@nobody: "),
        (("run=models:/nothing/1",), "run=models:/nothing/1: Registered Model .*not found"),
        (("run=" + 32 * "0",), "run=0+: .*not found"),
        (("run=runs:/" + 32 * "0" + "/model",), "run=runs:/0+/model: "),
        (
            ("run=models:/order@good", "checkpoint=last"),
            "checkpoint=last: models:/order@good is the",
        ),
        (
            ("run=models:/a@b", "tracking.uri=sqlite:///no.db"),
            "tracking.uri=.*no.db does not exist",
        ),
        (
            ("run=run", "tracking.uri=sqlite:///mlflow.db"),
            "tracking.uri=.* is not asked: run=run is",
        ),
        (("run=models:/m-0",), "run=models:/m-0 is neither models:/NAME@ALIAS nor"),
        (("run=x.npy",), "run=x.npy: there is no such folder"),
    ],
)
def test_what_cannot_be_opened(
    words: tuple[str, ...], message: str, trained: Path, predict: Command
) -> None:
    ended = predict(*words, *FILES)
    assert (ended.status, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert re.match(message, ended.err), ended.err
    assert not list(trained.glob("*y.npy*"))


def test_an_unfinished_run_and_a_damaged_model(
    trained: Path, predict: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(trained / "run", copy)
    weights = copy / "model" / "artifacts" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\xff")
    ended = predict(f"run={copy}", *FILES)
    assert ended.status == 2
    assert "weights.safetensors is damaged: its content does not match its checksum" in ended.err
    shutil.rmtree(copy / "model")  # as of a run with tracking.log_model=false
    assert predict(f"run={copy}", *FILES).status == 0
    assert np.array_equal(np.load(trained / "y.npy"), answers(trained))
    (copy / "checkpoints" / "best.ckpt").unlink()
    words = (f"run={copy}", *FILES, "overwrite=true")
    assert "has no best.ckpt: it diverged before its first" in predict(*words).err
    result = Result.read(copy)
    monkeypatch.setattr(Result, "read", lambda _: replace(result, status="RUNNING"))
    assert predict(*words).err == f"run={copy} has not finished: it is RUNNING\n"
    assert np.array_equal(np.load(trained / "y.npy"), answers(trained))  # as it was


def test_help(predict: Command) -> None:
    assert predict("--help") == (0, HELP, "")
    assert predict("run=run", "-h").out == HELP
    assert predict().status == 2
    assert max(map(len, HELP.splitlines())) <= 100


def test_from_python(trained: Path, predict: Command) -> None:
    """Without a word to torch or MLflow of how the process computes."""
    threads = torch.get_num_threads()
    predictor = load_predictor("run")
    (x, _) = np.load(trained / "x.npy")
    stream = predictor.stream()
    found = [stream.feed(x[k : k + 9]).outputs for k in range(0, 70, 9)]
    assert np.array_equal(np.concatenate(found), answers(trained)[0])
    assert torch.get_num_threads() == threads


@pytest.mark.slow
@pytest.mark.parametrize(("precision", "dtype"), [("64-true", "f8"), ("bf16-true", "f4")])
def test_precision(
    precision: str, dtype: str, command: Command, home: Path, monkeypatch, capfd
) -> None:
    words = ("cell=gru", *ORDER, f"trainer.precision={precision}", "hydra.run.dir=run")
    assert command(*words).status == 0
    np.save("x.npy", np.stack(symbols(70, 70)))
    ended = called(main, ["rnnlab.predict", "run=run", *FILES], monkeypatch, capfd)
    assert (ended.status, ended.err) == (0, "")
    found = np.load("y.npy")
    assert found.dtype == np.dtype(dtype)
    model = load_module(home / "run" / "checkpoints" / "best.ckpt").model.double().eval()
    with torch.no_grad():
        wanted = model(torch.from_numpy(np.load("x.npy")).double())[0].numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-12 if dtype == "f8" else 1e-4, atol=1e-6)


FADING = """
import torch
from torch import nn
from rnnlab.cells import Cell

class FadingCell(Cell):
    def __init__(self, input_size: int, hidden_size: int = 6) -> None:
        super().__init__(input_size, hidden_size)
        self.weight_ih = nn.Linear(input_size, hidden_size)

    def step(self, inputs, state):
        return (torch.tanh(self.weight_ih(inputs)) + 0.9 * state[0],)
"""


@pytest.mark.slow
def test_a_cell_of_ones_own(home: Path) -> None:
    """Its code comes with the model, and runs only if it is allowed: on a machine that has no other."""
    mine, other = home / "mine", home / "other"
    (mine / "cell").mkdir(parents=True)
    (mine / "fading.py").write_text(FADING)
    (mine / "cell" / "fading.yaml").write_text("_target_: fading.FadingCell\nhidden_size: 6\n")
    allow = "allow_targets=[fading]"
    words = ("--config-dir", "mine", allow, "cell=fading", *ORDER, "hydra.run.dir=run")
    assert run_python(home, "-m", "rnnlab.run", *words).returncode == 0
    run_id = Result.read(home / "run").run_id
    for gone in (mine, home / "run"):
        shutil.rmtree(gone)
    other.mkdir()
    np.save(other / "x.npy", np.stack(symbols(70, 70)))
    store = f"tracking.uri=sqlite:///{home}/mlflow.db"
    ask = ("-m", "rnnlab.predict", f"run={run_id}", store, *FILES)
    refused = run_python(other, *ask)
    assert refused.returncode == 2
    assert "code of its own when it is loaded (fading): allow it with allow_targets=[fading]" in (
        refused.stderr
    )
    assert [path.name for path in other.iterdir()] == ["x.npy"]
    done = run_python(other, *ask, allow)
    assert (done.returncode, done.stderr) == (0, "")
    assert np.load(other / "y.npy").shape == (2, 70, 4)


PEAK = """
import resource, sys
from rnnlab.predict import main
try:
    main(sys.argv[1:])
finally:
    sys.stderr.write(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024))
"""


def outputs_of(path: Path) -> np.ndarray:
    """y_t, as numpy or pandas reads it."""
    if path.suffix == ".npy":
        return np.load(path)
    read = pd.read_csv if path.suffix == ".csv" else pd.read_parquet
    return read(path).filter(regex=r"^outputs\.").to_numpy(np.float32)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["npy", "csv", "parquet"])
def test_a_million_steps_in_bounded_memory(kind: str, trained: Path, tmp_path: Path) -> None:
    """Within 200 MB of what 50 steps take, which all is Python with its packages; and to the last bit."""
    x = np.random.default_rng(0).standard_normal((1_000_000, 6)).astype(np.float32)
    peaks = []
    for steps in (50, len(x)):
        np.save(tmp_path / "x.npy", x[:steps])
        table = pd.DataFrame(x[:steps], columns=list("ABcdef"))
        if kind == "csv":
            table.to_csv(tmp_path / "x.csv", index=False)
        elif kind == "parquet":
            table.to_parquet(tmp_path / "x.parquet")
        words = (f"run={trained / 'run'}", f"input=x.{kind}", f"output=y.{kind}", "steps=all")
        done = run_python(tmp_path, "-c", PEAK, *words, "overwrite=true")
        assert done.returncode == 0, done.stderr
        peaks.append(int(done.stderr))
    assert peaks[1] - peaks[0] < 200
    wanted = load_predictor(str(trained / "run")).stream().feed(x).outputs
    assert outputs_of(tmp_path / f"y.{kind}").tobytes() == wanted.tobytes()
