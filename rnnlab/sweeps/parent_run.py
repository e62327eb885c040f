"""A sweep's own run in MLflow, the parent of its jobs' runs, and how all of them get there."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import RunTag
from mlflow.exceptions import MlflowException

from rnnlab.foundation.files import try_to_write
from rnnlab.foundation.folder_lock import FolderLockedError
from rnnlab.foundation.masking import first_line, masked
from rnnlab.foundation.run_folder import RunFolder, SweepFolder
from rnnlab.sweeps.sweep_file import SweepFile
from rnnlab.tracking.changes import CHANGES_TAG, change, with_changes
from rnnlab.tracking.delivery import Delivery
from rnnlab.tracking.manifest import OVERRIDES_TAG, PARENT_TAG, Manifest
from rnnlab.tracking.outbox import DeliveredRun, deliver, why
from rnnlab.tracking.result import Result


@dataclass
class ParentRun:
    """The sweep of a folder, as that has it: with or without a store that answers.

    Its points are in the folder's journal, as a run's are.
    """

    folder: SweepFolder
    file: SweepFile
    manifest: Manifest
    unlinked: list[str] = field(default_factory=list)
    """Jobs whose runs could not be made its own."""

    @classmethod
    def new(
        cls,
        folder: SweepFolder,
        experiment: str,
        file: SweepFile,
        tags: Mapping[str, str],
        params: Mapping[str, str],
    ) -> "ParentRun":
        """A sweep that begins, with tags and params of its own besides those of all sweeps."""
        manifest = Manifest.new(
            kind="sweep",
            experiment=experiment,
            name=_name(file.overrides),
            folder=folder.path,
            overrides=file.overrides,
            tags=tags,
            params=params,
        )
        return cls(folder, file, manifest)

    @classmethod
    def read(cls, folder: SweepFolder) -> "ParentRun":
        """The sweep that a folder has.

        Raises:
            ValueError: If it cannot be read.
        """
        return cls(folder, SweepFile.read(folder.path), Manifest.read(folder.path))

    def go_on(
        self, overrides: list[str], settings: Mapping[str, Any], params: Mapping[str, str]
    ) -> None:
        """It is at work again, and has come to be what these say.

        A store's params cannot change: what they have become is written down as a run's changes are.
        """
        file, manifest = self.file, self.manifest
        file.overrides, file.settings = overrides, dict(settings)
        file.status, file.delivered = "RUNNING", False
        manifest.name = _name(overrides)
        had = with_changes(manifest.params, manifest.tags.get(CHANGES_TAG, ""))
        lines = [change(k, had[k], v) for k, v in params.items() if had.get(k, v) != v]
        tags = {OVERRIDES_TAG: " ".join(overrides)}
        if lines:
            tags[CHANGES_TAG] = manifest.tags.get(CHANGES_TAG, "") + "".join(lines)
        manifest.tags |= tags

    def write(self) -> None:
        self.manifest.write(self.folder.path)
        self.file.write(self.folder.path)  # last: a folder without it holds no sweep

    def begin(self, client: MlflowClient, experiment_id: str) -> Delivery:
        """Make the run in the store, unless it is there; jobs that were run before become its own."""
        delivery = Delivery(client, experiment_id, self.manifest, self.file.run_id)
        run_id = delivery.begin()
        if self.file.run_id:
            self._rename(client)
        else:
            self.file.run_id = run_id
            try_to_write(self.write)
        self._link(client)
        return delivery

    def deliver(self, client: MlflowClient, experiment_id: str) -> None:
        """The run, its points, its files, and how it ended."""
        self.begin(client, experiment_id).deliver_all(self.folder.path, self.file.status)
        self.file.delivered = True
        try_to_write(self.write)

    def note_report(self, done: bool) -> None:
        """Whether its report is done; what has not been is done by `rnnlab.sync`."""
        if not done:
            self.file.delivered = False
            try_to_write(self.write)

    def _rename(self, client: MlflowClient) -> None:
        """The store has it under what it was asked for before."""
        tags = self.manifest.tags
        names = [name for name in (OVERRIDES_TAG, CHANGES_TAG) if name in tags]
        client.log_batch(self.file.run_id, tags=[RunTag(name, tags[name]) for name in names])
        client.update_run(self.file.run_id, name=self.manifest.name)

    def _link(self, client: MlflowClient) -> None:
        """Make the runs of its jobs its own that began while it was not in the store."""
        for job in self.folder.jobs():
            if not job.manifest.exists():
                continue
            try:
                self._link_job(client, job)
            except (ValueError, MlflowException) as error:  # as a run that has been deleted
                self.unlinked.append(str(job.path.relative_to(self.folder.path)))
                sys.stderr.write(f"{job.path}: {first_line(error)}\n")

    def _link_job(self, client: MlflowClient, job: RunFolder) -> None:
        manifest = Manifest.read(job.path)
        if manifest.tags.get(PARENT_TAG) == self.file.run_id:
            return
        if run_id := Result.read(job.path).run_id:
            client.set_tag(run_id, PARENT_TAG, self.file.run_id)
        manifest.tags[PARENT_TAG] = self.file.run_id
        try_to_write(partial(manifest.write, job.path))


def _name(overrides: list[str]) -> str:
    return f"sweep · {' '.join(overrides) or 'defaults'}"[:250]


def deliver_jobs(
    folder: SweepFolder, uri: str, bring: Callable[[Path, str], DeliveredRun | None] = deliver
) -> None:
    """Bring the runs of a sweep's jobs to its store, so far as they are not there."""
    for job in folder.jobs():
        try:
            if job.result.exists() and Result.read(job.path).tracking_uri == masked(uri):
                delivered = bring(job.path, uri)
                if delivered and delivered.damage:
                    sys.stderr.write(f"{delivered.damage}\n")
        except FolderLockedError:
            continue  # it delivers for itself
        except Exception as error:  # noqa: BLE001 one folder stops no other
            sys.stderr.write(f"{job.path}: {why(error)}\n")
