"""A sweep's own run in MLflow, the parent of its jobs' runs, and how all of them get there."""

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mlflow import MlflowClient
from mlflow.tracking.context.registry import resolve_tags

from rnnlab import __version__
from rnnlab.foundation.files import as_the_disk_can
from rnnlab.foundation.folder_lock import AtWorkError
from rnnlab.foundation.masking import first_line, masked
from rnnlab.sweeps.jobs import job_folders
from rnnlab.sweeps.sweep_file import SweepRecord
from rnnlab.tracking import PARENT_TAG
from rnnlab.tracking.delivery import Delivery
from rnnlab.tracking.manifest import FILE as TRACKING
from rnnlab.tracking.manifest import Record
from rnnlab.tracking.outbox import deliver, waiting
from rnnlab.tracking.result import FILE, Result
from rnnlab.tracking.store import FAILURES


@dataclass
class Parent:
    """The sweep of a folder, as that has it: with or without a store that answers.

    Its points are in the folder's journal, as a run's are.
    """

    folder: Path
    sweep: SweepRecord
    record: Record

    @classmethod
    def new(
        cls,
        folder: Path,
        experiment: str,
        sweep: SweepRecord,
        tags: Mapping[str, str],
        params: Mapping[str, str],
    ) -> "Parent":
        """A sweep that begins, with tags and params of its own besides those of all sweeps."""
        asked = " ".join(sweep.overrides)
        common = {
            "rnnlab.kind": "sweep",
            "rnnlab.version": __version__,
            "rnnlab.folder": str(folder),
            "rnnlab.overrides": asked,
        }
        record = Record(
            experiment=experiment,
            name=f"sweep · {asked or 'defaults'}"[:250],
            tags=resolve_tags({**common, **tags}),
            params=dict(params),
            started=int(time.time() * 1000),
        )
        return cls(folder, sweep, record)

    @classmethod
    def read(cls, folder: Path) -> "Parent":
        """The sweep that a folder has.

        Raises:
            ValueError: If it cannot be read.
        """
        return cls(folder, SweepRecord.read(folder), Record.read(folder))

    def write(self) -> None:
        self.record.write(self.folder)
        self.sweep.write(self.folder)  # last: a folder without it holds no sweep

    def begin(self, client: MlflowClient, experiment_id: str) -> Delivery:
        """Make the run in the store, unless it is there; jobs that were run before become its own."""
        delivery = Delivery(client, experiment_id, self.record, self.sweep.run_id)
        run_id = delivery.begin()
        if not self.sweep.run_id:
            self.sweep.run_id = run_id
            as_the_disk_can(self.write)
        self._link(client)
        return delivery

    def bring(self, client: MlflowClient, experiment_id: str) -> None:
        """The run, its points, its files, and how it ended."""
        self.begin(client, experiment_id).bring(self.folder, self.sweep.status)
        self.sweep.delivered = True
        as_the_disk_can(self.write)

    def _link(self, client: MlflowClient) -> None:
        """Make the runs of its jobs its own that began while it was not in the store."""
        for job in job_folders(self.folder):
            if not (job / TRACKING).exists():
                continue
            record = Record.read(job)
            if record.tags.get(PARENT_TAG) == self.sweep.run_id:
                continue
            if there := Result.read(job).run_id:
                client.set_tag(there, PARENT_TAG, self.sweep.run_id)
            record.tags[PARENT_TAG] = self.sweep.run_id
            as_the_disk_can(partial(record.write, job))


def deliver_jobs(folder: Path, uri: str) -> None:
    """Bring the runs of a sweep's jobs to its store, so far as they are not there."""
    for job in job_folders(folder):
        try:
            if (job / FILE).exists() and Result.read(job).tracking_uri == masked(uri):
                deliver(job, uri)
                waiting().remove(job)
        except AtWorkError:
            continue  # it delivers for itself
        except (ValueError, *FAILURES) as error:
            sys.stderr.write(f"{job}: {first_line(error)}\n")
