"""Where runs go: the default, a server, several processes on a fresh store."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient

from rnnlab.foundation.masking import masked
from rnnlab.tracking.settings import TrackingSettings
from rnnlab.tracking.store import default_uri, open_store, tracking_uri
from tests.support.command import QUICK, SMALL, Command, result_of
from tests.support.servers import Server


def test_the_default_is_what_mlflow_ui_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert tracking_uri(None) == default_uri() == f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://there:5000")
    assert tracking_uri(None) == "http://there:5000"
    assert tracking_uri("http://here:5000") == "http://here:5000"


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("http://me:secret@host:5000", "http://me:***@host:5000"),
        ("postgresql+psycopg2://u:p@w@host/db", "postgresql+psycopg2://u:***@host/db"),
        ("sqlite:////tmp/mlflow.db", "sqlite:////tmp/mlflow.db"),
        ("http://host:5000", "http://host:5000"),
        (
            "seed=0 tracking.uri=http://me:secret@host:5000",
            "seed=0 tracking.uri=http://me:***@host:5000",
        ),
    ],
)
def test_passwords_are_masked(uri: str, shown: str) -> None:
    assert masked(uri) == shown


def test_artifacts_lie_under_outputs(home: Path) -> None:
    store, experiment = open_store(default_uri(), "rnnlab")
    found = store.get_experiment(experiment)
    assert found.artifact_location == (home / "outputs" / "artifacts").as_uri()
    assert open_store(default_uri(), "rnnlab")[1] == experiment


def test_an_experiment_needs_a_name() -> None:
    with pytest.raises(ValueError, match="experiment=' ' is not a name"):
        TrackingSettings(experiment=" ")


@pytest.fixture
def server(home: Path) -> Iterator[str]:
    """A tracking server on a free port of this machine, with its own store."""
    folder = home / "server"
    folder.mkdir()
    (home / "mlflow.db").rename(folder / "mlflow.db")
    made = Server(folder, f"sqlite:///{folder}/mlflow.db")
    try:
        made.start()
        yield made.uri
    finally:
        made.kill()


@pytest.mark.slow
def test_works_against_a_tracking_server(server: str, command: Command, home: Path) -> None:
    finished = command(*QUICK, *SMALL, f"tracking.uri={server}")
    assert finished.status == 0, finished.err
    result = result_of(home)
    store = MlflowClient(server)
    stored = store.get_run(result.run_id)
    assert stored.info.status == "FINISHED"
    assert stored.data.metrics["test/loss"] == result.metrics["test/loss"]
    assert {item.path for item in store.list_artifacts(result.run_id)} == {
        "config.yaml",
        "packages.txt",
        "figures",
        "model",
    }
    assert f"{server}/#/experiments/{result.experiment_id}/runs/{result.run_id}" in finished.out
    assert not (home / "mlflow.db").exists()


def test_a_folder_whose_name_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"tracking\.uri='.*\\udcff.*' cannot be used: it is not UTF-8"
    ):
        open_store(f"sqlite:///{tmp_path}/bad\udcff/mlflow.db", "rnnlab")
    assert not list(tmp_path.iterdir())
