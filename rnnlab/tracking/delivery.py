"""Brings one run to its store, step by step; each can be repeated, and doubles nothing."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.utils.validation import MAX_METRICS_PER_BATCH, MAX_PARAMS_TAGS_PER_BATCH

from rnnlab.foundation.run_folder import TrackedFolder
from rnnlab.tracking.changes import CHANGES_TAG
from rnnlab.tracking.journal import Journal, Point, drop_seen
from rnnlab.tracking.manifest import Manifest


class Delivery:
    """One run in one store.

    Args:
        client: Of the store.
        experiment_id: In it.
        manifest: What the run is.
        run_id: The store's, if it has the run already.
    """

    def __init__(
        self, client: MlflowClient, experiment_id: str, manifest: Manifest, run_id: str = ""
    ) -> None:
        self.client, self.experiment_id, self.manifest = client, experiment_id, manifest
        self.run_id = run_id

    def begin(self) -> str:
        """The run's id in the store, where it is made unless it is there; its params are there then."""
        self.run_id = self.run_id or self._find() or self._create()
        params = [Param(key, value) for key, value in self.manifest.params.items()]
        for start in range(0, len(params), MAX_PARAMS_TAGS_PER_BATCH):
            batch = params[start : start + MAX_PARAMS_TAGS_PER_BATCH]
            self.client.log_batch(self.run_id, params=batch)
        return self.run_id

    def go_on(self, changes: str) -> None:
        """The run is at work again; what has been changed of its config since is written down."""
        self.client.update_run(self.run_id, status="RUNNING")
        if changes:
            self.client.log_batch(self.run_id, tags=[RunTag(CHANGES_TAG, changes)])

    def final_metrics(self) -> dict[str, float] | None:
        """The run's last metrics, if the store has been told that it FINISHED."""
        run = self.client.get_run(self.run_id)
        return run.data.metrics if run.info.status == "FINISHED" else None

    def known_points(self, written: Iterable[Point]) -> set[tuple[str, int]]:
        """The key and step of every point that the store has.

        Where a run had ended that was trained on, the store may have a value of that end, which no
        longer is: there it has what is `written` only if it has that value.
        """
        values: dict[tuple[str, int], set[float]] = defaultdict(set)
        for key in self.client.get_run(self.run_id).data.metrics:
            for metric in self.client.get_metric_history(self.run_id, key):
                values[metric.key, metric.step].add(metric.value)
        ends = [point for point in written if point.step in self.manifest.ends]
        same = {(p.key, p.step) for p in ends if p.value in values.get((p.key, p.step), ())}
        return values.keys() - ({(p.key, p.step) for p in ends} - same)

    def send(self, points: Sequence[Point]) -> None:
        """At most `MAX_METRICS_PER_BATCH` of them, as many as one request takes."""
        metrics = [Metric(p.key, p.value, p.timestamp, p.step) for p in points]
        self.client.log_batch(self.run_id, metrics=metrics)

    def send_artifacts(self, folder: Path, names: Iterable[str]) -> None:
        """Files and folders of `folder`, under their own names, but for what leads out of it."""
        for path in (folder / name for name in names if _is_within(folder, name)):
            if path.is_dir():
                self.client.log_artifacts(self.run_id, str(path), path.name)
            else:
                self.client.log_artifact(self.run_id, str(path))

    def end(self, status: str) -> None:
        """The run is FINISHED, FAILED or KILLED."""
        self.client.set_terminated(self.run_id, status, self.manifest.ended)

    def deliver_all(self, folder: Path, status: str) -> int:
        """All that the folder of an ended run has and the store has not; the number of points."""
        written = list(Journal(TrackedFolder(folder).journal))
        missing = list(drop_seen(written, self.known_points(written)))
        for batch in batches(missing):
            self.send(batch)
        self.send_artifacts(folder, self.manifest.artifacts)
        self.end(status)
        return len(missing)

    def _find(self) -> str:
        """The run that was made by a request whose answer never came."""
        folder = self.manifest.tags.get("rnnlab.folder", "").replace("'", "\\'")
        runs = self.client.search_runs([self.experiment_id], f"tags.`rnnlab.folder` = '{folder}'")
        same = [run for run in runs if run.info.start_time == self.manifest.started]
        return same[0].info.run_id if same else ""

    def _create(self) -> str:
        manifest = self.manifest
        run = self.client.create_run(
            self.experiment_id,
            start_time=manifest.started,
            tags=manifest.tags,
            run_name=manifest.name,
        )
        return run.info.run_id


def batches(points: Sequence[Point]) -> Iterable[Sequence[Point]]:
    """So many at a time as one request takes."""
    for start in range(0, len(points), MAX_METRICS_PER_BATCH):
        yield points[start : start + MAX_METRICS_PER_BATCH]


def _is_within(folder: Path, name: str) -> bool:
    """Whether a file, or a folder with all in it, is there and its own: no name or link leads out."""
    path, home = folder / name, folder.resolve()
    return path.exists() and all(
        inner.resolve().is_relative_to(home) for inner in (path, *path.rglob("*"))
    )
