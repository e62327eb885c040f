"""Faults made for real: the runs that they meet, what a test reports of them, and what they cost."""

from collections import Counter
from pathlib import Path

import pytest
from mlflow import MlflowClient

from rnnlab.tracking.journal import Journal
from tests.support.journals import JOURNAL

TRAIN = (
    *("train.block=5", "train.val_every=50", "train.batch_size=4", "task.seq_len=10"),
    *("eval.sequences=400", "eval.val_sequences=20", "eval.batch_size=200"),
    *("diagnostics=none", "tracking.log_model=false"),
)
# The rate grows until a loss is not finite, after some validations.
SOAR = (
    *("cell=elman", "cell.nonlinearity=relu", "optimizer=sgd", "optimizer.lr=1e-9"),
    *("schedule=exponential", "schedule.gamma=1.3", *TRAIN, "train.steps=400"),
)


class Faults:
    """What one test reports: how often a fault was made and survived, and what it cost."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self.request = request

    def __call__(
        self, fault: str, made: int = 1, lost: int | None = None, doubled: int | None = None
    ) -> None:
        """Survived, or the test would have failed before; None: points are not what it is about."""
        self.request.node.user_properties.append(("fault", (fault, made, lost, doubled)))
        assert not lost
        assert not doubled


def cost(client: MlflowClient, run_id: str, folder: Path) -> dict[str, int]:
    """What the store lacks of a run's journal, and what it has twice, in that run or another."""
    run = client.get_run(run_id)
    of_folder = f"tags.`rnnlab.folder` = '{run.data.tags['rnnlab.folder']}'"
    (only,) = client.search_runs([run.info.experiment_id], of_folder)
    assert only.info.run_id == run_id
    stored = _stored_points(client, run_id)
    written = {(point.key, point.step) for point in Journal(folder / JOURNAL)}
    assert written
    return {"lost": len(written - set(stored)), "doubled": sum(n - 1 for n in stored.values())}


def _stored_points(client: MlflowClient, run_id: str) -> Counter[tuple[str, int]]:
    """How often the store has each key and step."""
    return Counter(
        (metric.key, metric.step)
        for key in client.get_run(run_id).data.metrics
        for metric in client.get_metric_history(run_id, key)
    )
