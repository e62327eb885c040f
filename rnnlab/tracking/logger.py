"""Lightning's MLflow logger, with a journal before it and batches behind it."""

import logging
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mlflow.entities import Metric, Param
from mlflow.utils.validation import MAX_METRICS_PER_BATCH, MAX_PARAMS_TAGS_PER_BATCH
from pytorch_lightning.loggers import MLFlowLogger

from rnnlab.tracking.journal import Journal, Point
from rnnlab.tracking.store import FAILURES

log = logging.getLogger(__name__)

FLUSH_SECONDS = 5.0  # how far `mlflow ui` may lag behind a run


class BufferedMLFlowLogger(MLFlowLogger):
    """Metrics go to the journal at once, and to MLflow a batch at a time, each (key, step) once.

    One call a point costs MLflow's SQLite store 5 ms, a batch of a hundred 0.13 ms a point. A store
    that fails while a run trains is left alone until the end; nothing is lost that the journal has.

    Args:
        journal: Where every point is written first.
        uri: The tracking store.
        experiment: The experiment's name; it exists (see `open_store`).
        run_name: The name of a new run.
        tags: The tags of a new run.
        run_id: The run to go on with, instead of a new one.
    """

    def __init__(
        self,
        journal: Journal,
        uri: str,
        experiment: str,
        run_name: str | None = None,
        tags: dict[str, str] | None = None,
        run_id: str | None = None,
    ) -> None:
        super().__init__(
            experiment_name=experiment,
            run_name=run_name,
            tracking_uri=uri,
            tags=tags,
            run_id=run_id,
        )
        self.journal = journal
        self.buffer: list[Point] = []
        self.failed = False
        self._flushed = time.monotonic()
        self._seen: set[tuple[str, int]] = set()
        if run_id is not None:
            self._seen = self._logged_already()
            self._add(journal)  # what the run had written down and not yet sent when it was killed

    def log_hyperparams(self, params: Mapping[str, Any], *_: Any, **__: Any) -> None:
        """Params under their own names, in MLflow's batches."""
        entities = [Param(key, str(value)) for key, value in params.items()]
        for start in range(0, len(entities), MAX_PARAMS_TAGS_PER_BATCH):
            some = entities[start : start + MAX_PARAMS_TAGS_PER_BATCH]
            self.experiment.log_batch(self.run_id, params=some)

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        self._add(self.journal.append(metrics, step or 0))
        if time.monotonic() - self._flushed > FLUSH_SECONDS and not self.failed:
            self.flush()

    def _add(self, points: Iterable[Point]) -> None:
        for point in points:
            if (point.key, point.step) not in self._seen:
                self._seen.add((point.key, point.step))
                self.buffer.append(point)

    def flush(self) -> None:
        """Send what waits; what cannot be sent waits on."""
        self._flushed = time.monotonic()
        try:
            while self.buffer:
                some = self.buffer[:MAX_METRICS_PER_BATCH]
                metrics = [Metric(p.key, p.value, p.timestamp, p.step) for p in some]
                self.experiment.log_batch(self.run_id, metrics=metrics)
                del self.buffer[: len(some)]
            self.failed = False
        except FAILURES as error:
            self.failed = True
            reason = str(error).strip().splitlines()[0]
            log.warning("MLflow failed, %s keeps the metrics: %s", self.journal.path, reason)

    def finalize(self, status: str = "success") -> None:
        """Send what waits. Lightning calls this after each of its stages; `end` ends the run."""
        self.flush()

    def end(self, status: str) -> None:
        """Send what waits and end the run as FINISHED, FAILED or KILLED."""
        self.flush()
        try:
            self.experiment.set_terminated(self.run_id, status)
        except FAILURES as error:
            self.failed = True
            log.warning(
                "MLflow could not be told that run %s is %s: %s", self.run_id, status, error
            )

    def log_artifacts(self, folder: Path, names: Iterable[str]) -> None:
        """Copy files and folders of `folder` into the run's artifacts, under their own names."""
        try:
            for path in (folder / name for name in names):
                if path.is_dir():
                    self.experiment.log_artifacts(self.run_id, str(path), path.name)
                else:
                    self.experiment.log_artifact(self.run_id, str(path))
        except FAILURES as error:
            log.warning("MLflow did not take the artifacts, which are in %s: %s", folder, error)

    def _logged_already(self) -> set[tuple[str, int]]:
        client, run_id = self.experiment, self.run_id
        assert run_id is not None
        return {
            (metric.key, metric.step)
            for key in client.get_run(run_id).data.metrics
            for metric in client.get_metric_history(run_id, key)
        }
