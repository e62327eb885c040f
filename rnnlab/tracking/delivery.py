"""Brings one run to its store, step by step; each can be repeated, and doubles nothing."""

import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.utils.validation import MAX_METRICS_PER_BATCH, MAX_PARAMS_TAGS_PER_BATCH

from rnnlab.foundation.files import try_to_write
from rnnlab.foundation.run_folder import RunFolder, SweepFolder, TrackedFolder
from rnnlab.tracking.changes import CHANGES_TAG
from rnnlab.tracking.datasets import log_data
from rnnlab.tracking.journal import Journal, Point, drop_seen
from rnnlab.tracking.manifest import FOLDER_TAG, Manifest
from rnnlab.tracking.named_store import refuse_other_place
from rnnlab.tracking.pages import metric_history

_RUN, _SWEEP = RunFolder(Path()), SweepFolder(Path())
ARTIFACTS = {
    path.parts[0] for path in (*_RUN.artifacts, _RUN.evaluated, _SWEEP.summary, _SWEEP.horizon)
}
"""What a run or a sweep leaves: of a manifest, which may come from anywhere, no other name is sent."""


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
        self.restored = 0
        """Points that only the store had, and now the journal has too."""

    def begin(self) -> str:
        """The run's id in the store, where it is made unless it is there.

        Its params are there then, and what its data are.
        """
        self.run_id = self.run_id or self._find() or self._create()
        params = [Param(key, value) for key, value in self.manifest.params.items()]
        for start in range(0, len(params), MAX_PARAMS_TAGS_PER_BATCH):
            batch = params[start : start + MAX_PARAMS_TAGS_PER_BATCH]
            self.client.log_batch(self.run_id, params=batch)
        if self.manifest.data:
            log_data(self.client, self.run_id, self.manifest.data)
        return self.run_id

    def go_on(self, changes: str, folder: Path) -> None:
        """The run is at work again: where its folder is now, and what has been changed since."""
        self.client.update_run(self.run_id, status="RUNNING")
        tags = [RunTag(FOLDER_TAG, str(folder))]
        if changes:
            tags.append(RunTag(CHANGES_TAG, changes))
        self.client.log_batch(self.run_id, tags=tags)

    def final_metrics(self) -> dict[str, float] | None:
        """The run's last metrics, if the store has been told that it FINISHED."""
        run = self.client.get_run(self.run_id)
        return run.data.metrics if run.info.status == "FINISHED" else None

    def compare(self, journal: Journal) -> tuple[list[Point], set[tuple[str, int]]]:
        """The points of a run, and the key and step of each that the store has.

        What a full disk has left out of the journal, and the store has, is written into it first.
        Where a run had ended that was trained on, the store may have a value of that end, which no
        longer is: there it has what is written only if it has that value.
        """
        stored = self._stored()
        written = self._completed(journal, stored)
        return written, self._known(written, stored)

    def known_points(self, written: Iterable[Point]) -> set[tuple[str, int]]:
        """Of a run, the key and step of each point that the store has; nothing is restored."""
        return self._known(written, self._stored())

    def _known(self, written: Iterable[Point], stored: Iterable[Point]) -> set[tuple[str, int]]:
        # What is not written yet, as the run goes on from before it, is not known either.
        same = {(point.key, point.step, point.value) for point in written}
        return {
            (point.key, point.step)
            for point in stored
            if point.step not in self.manifest.ends or (point.key, point.step, point.value) in same
        }

    def _stored(self) -> list[Point]:
        return [
            Point(metric.key, metric.value, metric.step, metric.timestamp)
            for key in self.client.get_run(self.run_id).data.metrics
            for metric in metric_history(self.client, self.run_id, key)
        ]

    def _completed(self, journal: Journal, stored: Iterable[Point]) -> list[Point]:
        written = list(journal)
        seen = {(point.key, point.step) for point in written}
        lacking = [p for p in drop_seen(stored, seen) if p.step not in self.manifest.ends]
        if lacking:
            had = len(written)
            try_to_write(lambda: journal.restore(lacking))
            written = list(journal)
            self.restored += len(written) - had
        return written

    def send(self, points: Sequence[Point]) -> None:
        """At most `MAX_METRICS_PER_BATCH` of them, as many as one request takes."""
        metrics = [Metric(p.key, p.value, p.timestamp, p.step) for p in points]
        self.client.log_batch(self.run_id, metrics=metrics)

    def send_artifacts(self, folder: Path, names: Iterable[str]) -> None:
        """Of `ARTIFACTS`, those of `folder` under their own names, but for what leads out of it.

        Raises:
            OSError: If a store that the user has not named would have them anywhere but with itself
                or with the user's; for what is neither file nor folder, as a pipe, once all others
                are sent.
        """
        refuse_other_place(self.client, self.run_id)
        odd: list[Path] = []
        own = [name for name in names if name in ARTIFACTS and _is_within(folder, name)]
        for path in (folder / name for name in own):
            if found := _neither_file_nor_folder(path):
                odd += found
            elif path.is_dir():
                self.client.log_artifacts(self.run_id, str(path), path.name)
            else:
                self.client.log_artifact(self.run_id, str(path))
        if odd:
            raise OSError(f"{odd[0]} is neither a file nor a folder: it is not sent")

    def end(self, status: str) -> None:
        """The run is FINISHED, FAILED or KILLED; not before it began, though a clock be set back."""
        ended = self.manifest.ended or int(time.time() * 1000)
        self.client.set_terminated(self.run_id, status, max(ended, self.manifest.started))

    def deliver_all(self, folder: Path, status: str) -> int:
        """All that the folder of an ended run has and the store has not; the number of points."""
        written, known = self.compare(Journal(TrackedFolder(folder).journal))
        missing = list(drop_seen(written, known))
        for batch in batches(missing):
            self.send(batch)
        try:
            self.send_artifacts(folder, self.manifest.artifacts)
        finally:
            self.end(status)
        return len(missing)

    def _find(self) -> str:
        """The run that was made by a request whose answer never came."""
        folder = self.manifest.tags.get(FOLDER_TAG, "").replace("'", "\\'")
        runs = self.client.search_runs([self.experiment_id], f"tags.`{FOLDER_TAG}` = '{folder}'")
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


def _neither_file_nor_folder(path: Path) -> list[Path]:
    """What of it a copy would wait for without end, as a pipe, or cannot copy."""
    return [p for p in (path, *path.rglob("*")) if not (p.is_file() or p.is_dir())]


def _is_within(folder: Path, name: str) -> bool:
    """Whether a file, or a folder with all in it, is there and its own: no name or link leads out."""
    path, home = folder / name, folder.resolve()
    return path.exists() and all(
        inner.resolve().is_relative_to(home) for inner in (path, *path.rglob("*"))
    )
