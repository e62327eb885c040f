"""A run's model behind MLflow's commands, in a folder with no other file. Oracle: its checkpoint in this process."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
import requests
import torch
from mlflow.models import Model

from rnnlab.runs.reopen import load_module
from rnnlab.tracking.result import Result
from tests.support.command import QUICK, SMALL, Command
from tests.support.processes import wait_for
from tests.support.servers import QUIET, free_port


def mlflow_models(what: str, uri: str) -> list[str]:
    return [sys.executable, "-m", "mlflow", "models", what, "-m", uri, "--env-manager", "local"]


def alone(store: str) -> dict[str, str]:
    """An environment that has rnnlab as it is installed, and no path to its source."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    beside = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # of uvicorn
    return environment | {**QUIET, "MLFLOW_TRACKING_URI": store, "PATH": beside}


@contextmanager
def serving(uri: str, folder: Path, store: str) -> Iterator[str]:
    """The address of `mlflow models serve`, on loopback, which stands in an empty folder."""
    port = free_port()
    where = ("-h", "127.0.0.1", "-p", str(port))
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [*mlflow_models("serve", uri), *where],
            cwd=folder,
            env=alone(store),
            stdout=log,
            stderr=log,
            start_new_session=True,  # it has processes of its own
        )
    address = f"http://127.0.0.1:{port}"

    def is_up() -> bool:
        assert process.poll() is None, (folder / "log").read_text()
        try:
            return requests.get(f"{address}/ping", timeout=5).ok
        except requests.RequestException:
            return False

    try:
        wait_for(is_up, seconds=120)
        yield address
    finally:
        with suppress(ProcessLookupError):  # it may have ended by itself
            os.killpg(process.pid, signal.SIGTERM)
        process.wait()


@pytest.mark.slow
def test_a_model_answers_over_http(
    command: Command, home: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """As MLflow's own client would be answered, at any batch and length; a bad request is refused."""
    assert command("cell=lstm", *QUICK, *SMALL, "hydra.run.dir=run").status == 0
    run_id = Result.read(home / "run").run_id
    model = load_module(home / "run" / "checkpoints" / "best.ckpt").model
    (home / "run").rename(home / "moved")
    path = str(home / "moved" / "model")
    example = np.asarray(Model.load(path).load_input_example(path), np.float32)
    assert example.shape == (2, 10, 2)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    uri, store = f"runs:/{run_id}/model", f"sqlite:///{home}/mlflow.db"
    _check_predict(uri, store, elsewhere, example, model)
    with serving(uri, elsewhere, store) as address:
        for shape in ((1, 1, 2), (3, 40, 2), example.shape):
            inputs = np.random.default_rng(0).random(shape, dtype=np.float32)
            inputs = example if shape == example.shape else inputs
            told = requests.post(
                f"{address}/invocations", json={"inputs": inputs.tolist()}, timeout=60
            )
            assert told.status_code == 200, told.text
            with torch.inference_mode():
                wanted, _ = model(torch.as_tensor(inputs))
            found = np.asarray(told.json()["predictions"], np.float32)
            np.testing.assert_allclose(found, wanted.numpy(), rtol=1e-6, atol=1e-7)
        bad = requests.post(f"{address}/invocations", json={"inputs": [[[1.0]]]}, timeout=60)
        assert bad.status_code == 400
        assert (
            "(1, 1, 1) does not match expected shape (-1, -1, 2)" in json.loads(bad.text)["message"]
        )


def _check_predict(
    uri: str, store: str, folder: Path, inputs: np.ndarray, model: torch.nn.Module
) -> None:
    """What `mlflow models predict` writes."""
    (folder / "inputs.json").write_text(json.dumps({"inputs": inputs.tolist()}))
    files = ("-i", "inputs.json", "-t", "json", "-o", "outputs.json")
    done = subprocess.run(
        [*mlflow_models("predict", uri), *files],
        check=False,
        cwd=folder,
        env=alone(store),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    found = np.asarray(json.loads((folder / "outputs.json").read_text())["predictions"], np.float32)
    with torch.inference_mode():
        wanted, _ = model(torch.as_tensor(inputs))
    np.testing.assert_allclose(found, wanted.numpy(), rtol=1e-6, atol=1e-7)
