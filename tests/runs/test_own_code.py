"""A model of a user's own cell, loaded where there is nothing but rnnlab. Oracle: the checkpoint, by hand."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import mlflow
import numpy as np
import pytest
import torch

from rnnlab.foundation.run_folder import RunFolder
from rnnlab.runs.own_code import requirements, write_code
from rnnlab.tracking.result import Result
from tests.support.command import QUICK, SMALL, Command, client, result_of

FILES = {
    "fading.py": '''
import torch
from torch import nn

from rnnlab.cells import Cell


class FadingCell(Cell):
    """h_t = tanh(W x_t) + a h_{t-1}"""

    def __init__(self, input_size: int, hidden_size: int = 4) -> None:
        super().__init__(input_size, hidden_size)
        self.weight_ih = nn.Linear(input_size, hidden_size)

    def step(self, inputs, state):
        from rates.slow import rate  # found, although no import at the top of the file

        return (torch.tanh(self.weight_ih(inputs)) + rate() * state[0],)
''',
    "rates/__init__.py": "",
    "rates/slow.py": "import math\n\n\ndef rate():\n    return math.exp(-1)\n",
    "unrelated.py": "raise RuntimeError('nobody imports this')\n",
    "cell/fading.yaml": "_target_: fading.FadingCell\nhidden_size: 4\n",
}
KEPT = {"fading.py", "rates/__init__.py", "rates/slow.py"}
OWN = ("--config-dir", "mine", "allow_targets=[fading]", "cell=fading", *QUICK, *SMALL)

LOADED = """
import sys, mlflow, numpy as np
model = mlflow.pyfunc.load_model(sys.argv[1], model_config={"allow_targets": sys.argv[2:]})
np.save("outputs.npy", model.predict(np.load("inputs.npy")))
"""


@pytest.fixture
def mine(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name, text in FILES.items():
        path = home / "mine" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield home / "mine"
    for name in ("fading", "rates", "rates.slow"):
        sys.modules.pop(name, None)


def elsewhere(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    """A process that stands in another folder, and is told of no other."""
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    command = [sys.executable, *arguments]
    environment = {**kept, **environment}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
@pytest.mark.usefixtures("mine")
def test_it_is_asked_again_by_its_own_code(command: Command, home: Path) -> None:
    """In a process that stands elsewhere: from the run's folder, and from its store alone."""
    assert command(*OWN, "hydra.run.dir=run").status == 0
    run_id, wanted = Result.read(home / "run").run_id, {}
    (home / "elsewhere").mkdir()
    store = f"tracking.uri=sqlite:///{home}/mlflow.db"
    for name in (str(home / "run"), run_id):
        words = ("-m", "rnnlab.evaluate", f"run={name}", "task.length=20", store)
        refused = elsewhere(home / "elsewhere", *words)
        assert refused.returncode == 2
        assert "allow it with allow_targets=[fading]" in refused.stderr
        assert refused.stderr.count("\n") == 1
        done = elsewhere(home / "elsewhere", *words, "allow_targets=[fading]")
        assert (done.returncode, done.stderr) == (0, "")
        metrics = client(home).get_run(run_id).data.metrics
        wanted = wanted or {k: v for k, v in metrics.items() if k.startswith("length/20/")}
        assert wanted.items() <= metrics.items()
        if (home / "run").exists():
            (home / "run").rename(home / "moved")


@pytest.mark.slow
@pytest.mark.usefixtures("mine")
def test_it_loads_in_another_folder_and_process(
    command: Command, home: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    finished = command(*OWN)
    assert finished.status == 0, finished.err
    result = result_of(home)
    run = RunFolder(Path(result.folder))
    for code in (run.code, run.model / "artifacts" / "code"):
        assert {str(path.relative_to(code)) for path in code.rglob("*.py")} == KEPT
    (stored,) = client(home).search_runs(["1"])
    assert {i.path for i in client(home).list_artifacts(stored.info.run_id)} >= {"code", "model"}
    assert "rnnlab==" in (run.model / "requirements.txt").read_text()

    other = tmp_path_factory.mktemp("elsewhere")
    run.model.rename(other / "model")
    weights = torch.load(run.best, weights_only=True)["state_dict"]
    inputs = np.random.default_rng(0).random((3, 7, 2), dtype=np.float32)
    np.save(other / "inputs.npy", inputs)

    refused = elsewhere(other, "-c", LOADED, "model")
    assert refused.returncode == 1
    assert "the model runs code of its own when it is loaded (fading)" in refused.stderr
    assert not (other / "outputs.npy").exists()

    loaded = elsewhere(other, "-c", LOADED, "model", "fading")
    assert loaded.returncode == 0, loaded.stderr
    h, expected = torch.zeros(3, 4), []
    for x in torch.as_tensor(inputs).unbind(1):
        w, b = (weights[f"model.layers.0.weight_ih.{name}"] for name in ("weight", "bias"))
        h = torch.tanh(x @ w.T + b) + np.exp(-1) * h
        v, c = (weights[f"model.readout.{name}"] for name in ("weight", "bias"))
        expected.append(h @ v.T + c)
    np.testing.assert_allclose(
        np.load(other / "outputs.npy"), torch.stack(expected, 1).numpy(), rtol=1e-5, atol=1e-6
    )

    (other / "inputs.json").write_text(json.dumps({"inputs": inputs.tolist()}))
    predict = ("-m", "mlflow", "models", "predict", "-m", "model", "--env-manager", "local")
    files = ("-i", "inputs.json", "-o", "outputs.json", "-t", "json")
    assert elsewhere(other, *predict, *files).returncode != 0
    allowed = elsewhere(other, *predict, *files, RNNLAB_ALLOW_TARGETS="fading")
    assert allowed.returncode == 0, allowed.stderr
    predicted = json.loads((other / "outputs.json").read_text())["predictions"]
    np.testing.assert_allclose(predicted, torch.stack(expected, 1).numpy(), rtol=1e-5, atol=1e-6)


def test_another_module_of_the_name_is_not_taken_for_the_models(
    command: Command, mine: Path, home: Path
) -> None:
    assert command(*OWN).status == 0
    model = RunFolder(Path(result_of(home).folder)).model
    allowed = {"allow_targets": ["fading"]}
    mlflow.pyfunc.load_model(str(model), model_config=allowed)
    (mine / "fading.py").write_text(FILES["fading.py"] + "# changed since\n")
    with pytest.raises(
        ValueError, match="fading of the model is not the one that this process has"
    ):
        mlflow.pyfunc.load_model(str(model), model_config=allowed)


def test_nothing_is_kept_of_what_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """rnnlab and torch are required anyway, and a package of the user's is by its version."""
    place = tmp_path / "site-packages"
    (place / "bought").mkdir(parents=True)
    (place / "bought" / "__init__.py").write_text("")
    metadata = place / "bought_cells-1.5.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: bought-cells\nVersion: 1.5\n")
    (metadata / "top_level.txt").write_text("bought\n")
    monkeypatch.syspath_prepend(place)
    config = {
        "cell": {"_target_": "bought.cells.Cell"},
        "task": {"_target_": "rnnlab.tasks.adding.Adding"},
        "optimizer": {"_target_": "torch.optim.Adam"},
    }
    assert requirements(config) == ["bought-cells==1.5"]
    write_code(RunFolder(tmp_path / "run"), config)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("package", ["", "ns/"])
def test_files_are_kept_by_the_names_that_are_imported(
    package: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also from a folder within one that Python looks in, and in a package without __init__.py."""
    folder = home / "mine" / package
    folder.mkdir(parents=True)
    (folder / "growing.py").write_text("class Growing:\n    pass\n")
    monkeypatch.setattr(sys, "path", [str(home), *sys.path, str(home / "mine")])
    name = f"{package.replace('/', '.')}growing"
    write_code(RunFolder(home / "run"), {"cell": {"_target_": f"{name}.Growing"}})
    kept = {str(path.relative_to(home / "run" / "code")) for path in home.rglob("run/code/**/*.py")}
    assert kept == {f"{package}growing.py"}
    sys.modules.pop(name, None)


@pytest.mark.slow
def test_a_run_does_not_go_on_with_other_code(command: Command, mine: Path) -> None:
    run = ("hydra.run.dir=a", "train.stop_when_solved=false", "tracking.log_model=false")
    assert command(*OWN, *run).status == 0
    (mine / "fading.py").write_text(FILES["fading.py"].replace("tanh", "relu"))
    on = ("--config-dir", "mine", "allow_targets=[fading]", "resume=a", "train.steps=8")
    finished = command(*on)
    assert finished.status == 2
    assert "fading.py: the code is not what the run began with" in finished.err

    allowed = command(*on, "resume.allow_changes=true")
    assert allowed.status == 0, allowed.err
    assert re.search("code: as it began -> [0-9a-f]{16}", Result.read(Path("a")).changes)


def test_going_on_runs_no_code_that_is_not_allowed_again(command: Command, mine: Path) -> None:
    """A run's folder may come from anywhere: its config names a module, and allows none."""
    assert command(*OWN, "hydra.run.dir=a", "tracking.log_model=false").status == 0
    (mine / "fading.py").write_text("open('ran', 'w')")
    sys.modules.pop("fading")
    finished = command("--config-dir", "mine", "resume=a", "train.steps=8")
    assert finished.status == 2
    assert "allow_targets=[fading] allows it again" in finished.err
    assert not Path("ran").exists()


def test_a_class_on_the_command_line_names_the_variant(command: Command, home: Path) -> None:
    gru = ("cell._target_=rnnlab.cells.gru.GRUCell", "tracking.log_model=false")
    assert command(*gru, *QUICK, *SMALL).status == 0
    assert result_of(home).variant == "GRUCell"
