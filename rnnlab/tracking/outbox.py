"""Runs that their store has not got all of, and how they get there: by the next run, or `rnnlab.sync`."""

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path

from rnnlab.foundation.files import try_to_write
from rnnlab.foundation.folder_lock import FolderLockedError, locked
from rnnlab.foundation.masking import first_line, masked
from rnnlab.foundation.run_folder import RunFolder
from rnnlab.tracking.delivery import Delivery
from rnnlab.tracking.manifest import Manifest
from rnnlab.tracking.result import Result
from rnnlab.tracking.store import FAILURES, open_store

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DeliveredRun:
    """What was brought to the store of one run."""

    name: str
    points: int
    status: str


def deliver(folder: Path, uri: str) -> DeliveredRun | None:
    """Bring a run that has ended, or whose process has, to its store; None if it is there already.

    A run that its process left as running is KILLED, or FAILED where it is written down why.

    Raises:
        FolderLockedError: If it runs.
        ValueError: If its folder cannot be read, or the store does not answer.
        Exception: Of `FAILURES`, if the store fails.
    """
    with locked(folder):
        result = Result.read(folder)
        result.folder = str(folder)
        failure = RunFolder(folder).failure
        ended = "FAILED" if failure.exists() else "KILLED"
        if result.status in {"RUNNING", "KILLED"} - {ended}:
            result.status, result.delivered = ended, False
            try_to_write(result.write)
        if result.delivered:
            return None
        manifest = Manifest.read(folder)
        client, experiment_id = open_store(uri, manifest.experiment)
        delivery = Delivery(client, experiment_id, manifest, result.run_id)
        result.run_id, result.experiment_id = delivery.begin(), experiment_id
        if result.status != "FINISHED" and (metrics := delivery.final_metrics()) is not None:
            # The store heard it, and a full disk did not.
            result.status, result.metrics = "FINISHED", metrics
            failure.unlink(missing_ok=True)
        points = delivery.deliver_all(folder, result.status)
        result.delivered, result.undelivered = True, 0
        try_to_write(result.write)
        return DeliveredRun(result.name, points, result.status)


class Outbox:
    """Lists the runs that wait: a small file for each, in a folder that all runs started here share."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, run: Path) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._entry(run).write_text(str(run), encoding="utf-8")

    def remove(self, run: Path) -> None:
        self._entry(run).unlink(missing_ok=True)

    def deliver(self, uri: str) -> list[DeliveredRun]:
        """Bring those there that can be; the others wait on."""
        delivered = []
        for entry in sorted(self.folder.glob("*.txt")):
            run = entry
            try:
                run = Path(entry.read_text(encoding="utf-8"))
                if not run.exists():
                    log.warning("%s is gone, and with it what MLflow had not got", run)
                    entry.unlink(missing_ok=True)
                    continue
                if Result.read(run).tracking_uri != masked(uri):
                    continue  # it waits for another store
                done = deliver(run, uri)
            except FolderLockedError:
                continue
            except (ValueError, *FAILURES) as error:
                log.warning("%s still waits for MLflow: %s", run, first_line(error))
                continue
            entry.unlink(missing_ok=True)
            delivered += [done] if done else []
        return delivered

    def _entry(self, run: Path) -> Path:
        return self.folder / f"{hashlib.sha256(str(run).encode()).hexdigest()[:16]}.txt"


def outbox() -> Outbox:
    """The list of the current folder."""
    return Outbox(Path.cwd() / "outputs" / "undelivered")
