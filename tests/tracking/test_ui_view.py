"""The saved view; the oracle for what MLflow makes of it is tests/browser."""

import base64
import json
import zlib
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from rnnlab.tracking.store import open_store, show, ui_links
from rnnlab.tracking.ui_view import View, share
from tests.support.command import QUICK, SMALL, Command, client

BASIC = "hydra/launcher=basic"  # in this process, which has imported everything


def state(value: str) -> dict[str, Any]:
    packed = json.loads(value)["state"]
    assert packed.startswith("deflate;")
    return json.loads(zlib.decompress(base64.b64decode(packed.removeprefix("deflate;"))))


def test_of_one_task_and_length_variants_are_the_groups() -> None:
    found = state(View("adding", 50).value())
    assert found["groupBy"] == {
        "aggregateFunction": "average",
        "groupByKeys": [{"mode": "param", "groupByData": "variant"}],
    }
    assert found["selectedColumns"] == [
        *("metrics.`test/loss_over_chance`", "metrics.`test/error`", "metrics.`test/solved`"),
        "metrics.`steps_to_solve`",
    ]
    assert found["searchFilter"] == (
        "tags.`rnnlab.kind` = 'run' and params.task = 'adding' and params.length = '50'"
    )
    (loss,) = [c for c in found["compareRunCharts"] if c["metricKey"] == "val/loss"]
    assert (loss["type"], loss["scaleType"], loss["lineSmoothness"]) == ("LINE", "log", 0)
    sections = {section["uuid"] for section in found["compareRunSections"]}
    assert {chart["metricSectionId"] for chart in found["compareRunCharts"]} == sections


def test_of_all_runs_no_mean_is_over_tasks_or_lengths() -> None:
    keys = [key["groupByData"] for key in state(View().value())["groupBy"]["groupByKeys"]]
    assert keys == ["variant_on_task"]  # `gru · adding 50`


def test_keys_are_legal_in_a_tag_and_in_a_link() -> None:
    assert View().key == "rnnlab"
    assert View("first bit/ä", 5).key == "rnnlab-first-bit---5"
    assert View("adding", 50).page("7") == (
        "/#/experiments/7/runs?workflowType=machine_learning&viewStateShareKey=rnnlab-adding-50"
    )


@pytest.mark.slow
def test_a_run_and_a_sweep_give_the_experiment_its_views(command: Command, home: Path) -> None:
    small = (*QUICK, *SMALL[:-1], "tracking.log_model=false")
    command("cell=elman", "task.seq_len=10", *small)
    assert set(views(home)) == {"rnnlab-adding-10"}
    both = command("-m", BASIC, "cell=elman", "task.seq_len=10,12", *small, "seed=0")
    sweep = _sweep(both.out)
    assert set(views(home)) == {"rnnlab", "rnnlab-adding-10", "rnnlab-adding-12", sweep}
    found = state(views(home)[sweep])
    assert found["searchFilter"] == (
        "tags.`rnnlab.kind` = 'run' and "
        f"tags.`mlflow.parentRunId` = '{sweep.removeprefix('rnnlab-sweep-')}'"
    )
    assert found["groupBy"]["groupByKeys"][0]["groupByData"] == "variant_on_task"
    assert both.out.count("viewStateShareKey=rnnlab-sweep-") == 1
    finished = command("-m", BASIC, "cell=elman,gru", "task.seq_len=10", "seed=1", *small)
    found = state(views(home)[_sweep(finished.out)])
    assert "params.length = '10' and tags.`mlflow.parentRunId`" in found["searchFilter"]
    assert found["groupBy"]["groupByKeys"][0]["groupByData"] == "variant"


def _sweep(out: str) -> str:
    """The key of the view that a sweep's link names."""
    return out.rpartition("viewStateShareKey=")[2].split()[0]


def views(home: Path) -> dict[str, str]:
    experiment = client(home).get_experiment_by_name("rnnlab")
    assert experiment is not None
    prefix = "mlflow.sharedViewState."
    return {k.removeprefix(prefix): v for k, v in experiment.tags.items() if k.startswith(prefix)}


def test_it_is_written_once_and_a_store_that_refuses_it_does_not_matter(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, experiment = open_store(f"sqlite:///{home}/mlflow.db", "mine")
    share(store, experiment, View())

    def refuse(*_: object) -> None:
        raise MlflowException("no tags here")

    monkeypatch.setattr(MlflowClient, "set_experiment_tag", refuse)
    share(store, experiment, View())  # it is there
    show(store, experiment, View("adding", 50))
    with pytest.raises(MlflowException):
        share(store, experiment, View("adding", 50))


@pytest.mark.parametrize(
    ("uri", "server", "served"),
    [
        ("http://host:5000/", "http://host:5000", None),
        ("https://me:secret@host", "https://me:***@host", None),
        (
            "sqlite:////x/mlflow.db",
            "http://127.0.0.1:5000",
            "mlflow ui --backend-store-uri sqlite:////x/mlflow.db",
        ),
    ],
)
def test_what_is_printed(uri: str, server: str, served: str | None) -> None:
    lines = ui_links(uri, "7", "abc", View()).splitlines()
    assert lines[:4] == [
        "in MLflow",
        f"{server}/#/experiments/7/runs/abc?workflowType=machine_learning",
        "compare",
        f"{server}{View().page('7')}",
    ]
    assert lines[4:] == ([] if served is None else [f"served by   {served}"])
