"""The buffered logger against a real store."""

from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from rnnlab.tracking.journal import Journal
from rnnlab.tracking.logger import BufferedMLFlowLogger
from rnnlab.tracking.store import default_uri, open_store


@pytest.fixture
def store(home: Path) -> MlflowClient:
    return open_store(default_uri(), "rnnlab")[0]


def logger_of(home: Path, run_id: str | None = None) -> BufferedMLFlowLogger:
    journal = Journal(home / "metrics.jsonl")
    return BufferedMLFlowLogger(journal, default_uri(), "rnnlab", "name", {"a": "b"}, run_id)


def history(store: MlflowClient, run_id: str | None, key: str) -> list[tuple[int, float]]:
    assert run_id is not None
    return [(m.step, m.value) for m in store.get_metric_history(run_id, key)]


def test_metrics_wait_and_go_in_batches(store: MlflowClient, home: Path) -> None:
    logger = logger_of(home)
    for step in range(1, 2501):
        logger.log_metrics({"train/loss": 1 / step}, step)
    assert history(store, logger.run_id, "train/loss") == []
    assert len(list(logger.journal)) == 2500  # the journal has them at once
    logger.finalize()
    expected = [(step, 1 / step) for step in range(1, 2501)]
    assert history(store, logger.run_id, "train/loss") == expected
    assert store.get_run(str(logger.run_id)).info.status == "RUNNING"
    logger.end("FINISHED")
    assert store.get_run(str(logger.run_id)).info.status == "FINISHED"


def test_each_key_and_step_goes_once(store: MlflowClient, home: Path) -> None:
    logger = logger_of(home)
    for _ in range(2):
        logger.log_metrics({"a": 1.0}, step=1)
        logger.flush()
    assert history(store, logger.run_id, "a") == [(1, 1.0)]


def test_a_resumed_run_delivers_what_was_left(store: MlflowClient, home: Path) -> None:
    logger = logger_of(home)
    logger.log_metrics({"a": 1.0}, step=1)
    logger.flush()
    logger.log_metrics({"a": 2.0}, step=2)  # in the journal alone when the process dies
    resumed = logger_of(home, run_id=logger.run_id)
    resumed.log_metrics({"a": 2.0}, step=2)  # done again after the checkpoint
    resumed.log_metrics({"a": 3.0}, step=3)
    resumed.flush()
    assert history(store, logger.run_id, "a") == [(1, 1.0), (2, 2.0), (3, 3.0)]


def test_params_keep_their_names_and_length(store: MlflowClient, home: Path) -> None:
    logger = logger_of(home)
    params = {f"cell.p{i}": "x" * 300 for i in range(150)}
    logger.log_hyperparams(params)
    assert store.get_run(str(logger.run_id)).data.params == params


def test_a_store_that_fails_costs_no_point(
    store: MlflowClient, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logger = logger_of(home)
    assert logger.run_id

    def down(*_: object, **__: object) -> None:
        raise MlflowException("the server is gone\nand says so at length")

    monkeypatch.setattr(logger.experiment, "log_batch", down)
    logger.log_metrics({"a": 1.0}, step=1)
    logger.flush()
    assert logger.failed
    assert len(logger.buffer) == 1
    monkeypatch.undo()
    logger.end("FINISHED")
    assert logger.buffer == []
    assert history(store, logger.run_id, "a") == [(1, 1.0)]


def test_artifacts_under_their_own_names(store: MlflowClient, home: Path) -> None:
    logger = logger_of(home)
    (home / "model").mkdir()
    (home / "model" / "inner.txt").write_text("x")
    (home / "config.yaml").write_text("y")
    logger.log_artifacts(home, ["model", "config.yaml"])
    run_id = str(logger.run_id)
    assert {a.path for a in store.list_artifacts(run_id)} == {"model", "config.yaml"}
    assert [a.path for a in store.list_artifacts(run_id, "model")] == ["model/inner.txt"]
