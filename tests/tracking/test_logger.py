"""The buffered logger and what delivers for it, against a real store."""

import threading
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from rnnlab.tracking import logger as module
from rnnlab.tracking.delivery import Delivery
from rnnlab.tracking.journal import Journal
from rnnlab.tracking.logger import BufferedMLFlowLogger
from rnnlab.tracking.manifest import Manifest
from rnnlab.tracking.store import default_uri, open_store


@pytest.fixture
def store(home: Path) -> MlflowClient:
    return open_store(default_uri(), "rnnlab")[0]


def delivery_of(home: Path, run_id: str = "", **params: str) -> Delivery:
    client, experiment_id = open_store(default_uri(), "rnnlab")
    record = Manifest("rnnlab", "name", {"a": "b", "rnnlab.folder": str(home)}, params, started=1)
    made = Delivery(client, experiment_id, record, run_id)
    made.begin()
    return made


def logger_of(home: Path, run_id: str = "") -> BufferedMLFlowLogger:
    logger = BufferedMLFlowLogger(Journal(home / "metrics.jsonl"))
    logger.delivery = delivery_of(home, run_id)
    logger.begin(list(logger.journal) if run_id else None)
    return logger


def history(store: MlflowClient, run_id: str, key: str) -> list[tuple[int, float]]:
    return [(m.step, m.value) for m in store.get_metric_history(run_id, key)]


def test_metrics_wait_and_go_in_batches(store: MlflowClient, home: Path) -> None:
    logger = logger_of(home)
    for step in range(1, 2501):
        logger.log_metrics({"train/loss": 1 / step}, step)
    assert history(store, logger.run_id, "train/loss") == []
    assert len(list(logger.journal)) == 2500  # the journal has them at once
    logger.flush()
    expected = [(step, 1 / step) for step in range(1, 2501)]
    assert history(store, logger.run_id, "train/loss") == expected
    assert store.get_run(logger.run_id).info.status == "RUNNING"
    assert logger.end(home, [], "FINISHED")
    assert store.get_run(logger.run_id).info.status == "FINISHED"


def test_they_go_by_themselves(
    store: MlflowClient, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FLUSH_SECONDS", 0.01)
    sent = threading.Event()
    logger = logger_of(home)
    monkeypatch.setattr(logger.delivery, "send", lambda points: sent.set())
    logger.log_metrics({"a": 1.0}, step=1)
    assert sent.wait(10)


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


def test_a_run_that_was_made_is_found_again(store: MlflowClient, home: Path) -> None:
    """The process died before it could write the id down."""
    made = delivery_of(home).run_id
    assert delivery_of(home).run_id == made
    assert len(store.search_runs(["1"])) == 1


def test_params_keep_their_names_and_length(store: MlflowClient, home: Path) -> None:
    params = {f"cell.p{i}": "x" * 300 for i in range(150)}
    run_id = delivery_of(home, **params).run_id
    assert store.get_run(run_id).data.params == params


def test_a_store_that_fails_costs_no_point(
    store: MlflowClient, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logger = logger_of(home)
    assert logger.delivery is not None

    def down(*_: object, **__: object) -> None:
        raise MlflowException("the server is gone\nand says so at length")

    monkeypatch.setattr(logger.delivery.client, "log_batch", down)
    logger.log_metrics({"a": 1.0}, step=1)
    logger.flush()
    assert logger.failed
    assert len(logger.waiting) == 1
    monkeypatch.undo()
    assert logger.end(home, [], "FINISHED")
    assert logger.waiting == []
    assert history(store, logger.run_id, "a") == [(1, 1.0)]


def test_a_store_that_hangs_is_given_up(
    store: MlflowClient, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FLUSH_SECONDS", 0.01)
    monkeypatch.setattr(module, "PATIENCE", 0.2)
    logger, reached, over = logger_of(home), threading.Event(), threading.Event()
    assert logger.delivery is not None

    def hang(*_: object, **__: object) -> None:
        reached.set()
        over.wait(60)

    monkeypatch.setattr(logger.delivery.client, "log_batch", hang)
    logger.log_metrics({"a": 1.0}, step=1)
    assert reached.wait(10)
    logger.log_metrics({"a": 2.0}, step=2)  # which waits for nobody
    assert not logger.end(home, [], "FINISHED")
    over.set()
    assert len(list(logger.journal)) == 2


def test_without_a_store_the_journal_has_it(home: Path) -> None:
    logger = BufferedMLFlowLogger(Journal(home / "metrics.jsonl"))
    logger.begin()
    logger.log_metrics({"a": 1.0}, step=1)
    assert not logger.end(home, [], "FINISHED")
    assert logger.run_id == ""
    assert [point.key for point in logger.journal] == ["a"]


def test_artifacts_under_their_own_names(store: MlflowClient, home: Path) -> None:
    logger = logger_of(home)
    (home / "model").mkdir()
    (home / "model" / "inner.txt").write_text("x")
    (home / "config.yaml").write_text("y")
    assert logger.end(home, ["model", "config.yaml"], "FINISHED")
    run_id = logger.run_id
    assert {a.path for a in store.list_artifacts(run_id)} == {"model", "config.yaml"}
    assert [a.path for a in store.list_artifacts(run_id, "model")] == ["model/inner.txt"]
