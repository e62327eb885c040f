"""The data of a run: in its files and its store, and never others. Oracles: the files' bytes; a run left alone."""

import json
import shutil
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
import torch
from mlflow.exceptions import MlflowException

from rnnlab.evaluate import main as evaluate_main
from rnnlab.runs.reopen import load_module
from rnnlab.tasks.mnist import Mnist
from rnnlab.tracking.datasets import described, log_data
from rnnlab.tracking.manifest import Manifest
from rnnlab.tracking.result import Result
from tests.support.command import QUICK, Command, called, client
from tests.support.idx_files import write_mnist
from tests.support.journals import distinct_points
from tests.support.weights import same_weights

RUN = ("task=mnist", "task.path=mnist", "cell=gru", "cell.hidden_size=4", *QUICK)
LABELS = "train-labels-idx1-ubyte"


@pytest.fixture
def evaluate(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    return lambda *words: called(evaluate_main, ["rnnlab.evaluate", *words], monkeypatch, capfd)


def inputs(home: Path, run_id: str, context: str = "training") -> dict[str, str]:
    """What a store says of a run's data: the whole digest of each, by name."""
    found = {}
    run: Any = client(home).get_run(run_id)
    for given in run.inputs.dataset_inputs:
        profile = json.loads(given.dataset.profile)
        assert profile["digest"].startswith(given.dataset.digest)
        if {tag.key: tag.value for tag in given.tags} == {"mlflow.data.context": context}:
            assert given.dataset.name not in found
            found[given.dataset.name] = profile["digest"]
    return found


def digests(folder: Path) -> dict[str, str]:
    return {path.name: sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def change_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] = (content[-1] + 1) % 10
    path.write_bytes(content)


@pytest.mark.slow
def test_a_run_knows_its_data_and_goes_on_with_no_others(
    command: Command, sync: Command, evaluate: Command, home: Path
) -> None:
    data = write_mnist(home / "mnist")
    assert command(*RUN, "train.steps=6", "hydra.run.dir=whole").status == 0
    assert command(*RUN, "hydra.run.dir=cut").status == 0
    wanted, run_id = digests(data), Result.read(home / "cut").run_id
    assert len(wanted) == 4
    assert inputs(home, run_id) == wanted
    assert {file["name"]: file["digest"] for file in Manifest.read(home / "cut").data} == wanted
    run: Any = client(home).get_run(run_id)
    (source,) = {
        mlflow.data.get_source(given).to_dict()["uri"]
        for given in run.inputs.dataset_inputs
        if given.dataset.name == LABELS
    }
    assert source == str(data / LABELS)

    change_a_byte(data / LABELS)
    for refused in (command("resume=cut", "train.steps=6"), evaluate("run=cut")):
        assert refused.status == 2
        assert refused.err.count("\n") <= 2
        said = " ".join(refused.err.split())
        assert f"{data / LABELS} has changed since the run began: its SHA-256 is" in said
        assert digests(data)[LABELS] in said
        assert wanted[LABELS] in said
    assert inputs(home, run_id) == wanted

    write_mnist(data)
    assert command("resume=cut", "train.steps=6").status == 0
    assert distinct_points(home / "cut") == distinct_points(home / "whole")
    assert same_weights(home / "cut", home / "whole")
    assert inputs(home, run_id) == wanted  # none of them twice

    (home / "other").mkdir()
    assert sync("cut", "--uri", f"sqlite:///{home}/other/mlflow.db").status == 0
    assert inputs(home / "other", Result.read(home / "cut").run_id) == wanted


def test_a_model_answers_where_its_data_are_not(
    command: Command, evaluate: Command, home: Path
) -> None:
    data = write_mnist(home / "mnist")
    assert command(*RUN, "hydra.run.dir=run").status == 0
    given = torch.rand(3, 30, 1, generator=torch.Generator().manual_seed(0))
    best = home / "run" / "checkpoints" / "best.ckpt"
    expected = load_module(best).model(given)[0].detach().numpy()
    shutil.move(data, home / "elsewhere")
    module = load_module(best)
    assert np.array_equal(module.model(given)[0].detach().numpy(), expected)
    loaded: Any = mlflow.pyfunc.load_model(str(home / "run" / "model"))
    np.testing.assert_allclose(loaded.predict(given.numpy()), expected, rtol=1e-6)
    with pytest.raises(ValueError, match="path=mnist: it is no folder"):
        module.evaluation.test(module.model)
    refused = evaluate("run=run")
    assert refused.status == 2
    assert "task.path=mnist: it is no folder" in refused.err
    assert refused.err.count("\n") <= 2


def test_a_run_is_asked_again_where_its_folder_is_not(
    command: Command, evaluate: Command, home: Path
) -> None:
    """By its store alone, with the data at hand. Oracle: what the run itself has tested."""
    write_mnist(home / "mnist")
    assert command(*RUN, "hydra.run.dir=run").status == 0
    run_id = Result.read(home / "run").run_id
    (home / "run").rename(home / "away")
    asked = evaluate(f"run={run_id}", "name=again")
    assert asked.status == 0, asked.err
    metrics = client(home).get_run(run_id).data.metrics
    assert metrics["evaluated/again/test/loss"] == metrics["test/loss"]


@pytest.mark.slow
def test_other_data_are_another_question(command: Command, evaluate: Command, home: Path) -> None:
    """Its answer is called by what differs, and is that of the model on those data."""
    write_mnist(home / "mnist")
    other = write_mnist(home / "other", test=9)
    assert command(*RUN, "hydra.run.dir=run").status == 0
    run_id = Result.read(home / "run").run_id
    asked = evaluate("run=run", "task.path=other")
    assert asked.status == 0, asked.err
    assert "chance 2.3" in asked.out
    assert "error " in asked.out.partition("chance ")[2]
    module = load_module(home / "run" / "checkpoints" / "best.ckpt")
    task = Mnist(str(other))
    with torch.no_grad():
        scored = module.evaluation.test_on(module.model, task, "test")
    metrics = client(home).get_run(run_id).data.metrics
    assert metrics["evaluated/task.path:other/test/loss"] == pytest.approx(scored["test/loss"])
    # The training files are those of the run; of the test's, two are others.
    assert inputs(home, run_id, "evaluation") == {
        name: digest for name, digest in digests(other).items() if name.startswith("t10k")
    }
    assert inputs(home, run_id) == digests(home / "mnist")
    assert command("resume=run", "train.steps=6").status == 0  # which asks after its own alone

    seeded = evaluate("run=run", "eval.seed=1")
    assert seeded.status == 2
    assert "eval.seed=1 chooses no sequences" in seeded.err
    more = evaluate("run=run", "eval.sequences=16")
    assert more.status == 2
    assert "eval.sequences=16 is more than the 15 of the test split" in more.err


@pytest.mark.slow
def test_runs_that_name_new_data_at_once(
    command: Command, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database takes those of one, and the other is told that they are there."""
    assert command(*RUN[2:], "task=adding", "task.seq_len=5", "eval.sequences=400").status == 0
    store = client(home)
    (run,) = store.search_runs(["1"])
    others, tell = store.create_run("1").info.run_id, store.log_inputs
    write_mnist(home / "mnist")
    entries = described(Mnist("mnist").data)

    def both(run_id: str, **named: object) -> None:
        monkeypatch.setattr(store, "log_inputs", tell)
        log_data(store, others, entries)
        raise MlflowException("UNIQUE constraint failed")

    monkeypatch.setattr(store, "log_inputs", both)
    log_data(store, run.info.run_id, entries)
    assert inputs(home, run.info.run_id) == inputs(home, others) == digests(home / "mnist")
    # What goes on failing is told.
    monkeypatch.setattr(store, "log_inputs", partial(_fail, "down"))
    with pytest.raises(MlflowException, match="down"):
        log_data(store, store.create_run("1").info.run_id, entries)


def _fail(why: str, *_: object, **__: object) -> None:
    raise MlflowException(why)
