"""Runs that their store has not got all of, and how they get there: by the next run, or `rnnlab.sync`."""

import hashlib
import logging
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rnnlab.foundation.files import read_text, try_to_write, write_text
from rnnlab.foundation.folder_lock import FolderLockedError, delivering
from rnnlab.foundation.here import here
from rnnlab.foundation.links import refuse_links
from rnnlab.foundation.masking import first_line, masked
from rnnlab.foundation.run_folder import RunFolder
from rnnlab.tracking.copies import refuse_copy, refuse_copy_in
from rnnlab.tracking.delivery import Delivery
from rnnlab.tracking.journal import Journal, newest_values
from rnnlab.tracking.manifest import Manifest
from rnnlab.tracking.named_store import store_of
from rnnlab.tracking.result import Result
from rnnlab.tracking.store import FAILURES, known_id, open_store, tracking_uri

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DeliveredRun:
    """What was brought to the store of one run."""

    name: str
    points: int
    status: str
    damage: str
    """In words, what of its numbers was damaged and is left out."""


def deliver(folder: Path, uri: str | None) -> DeliveredRun | None:
    """Bring a run that has ended, or whose process has, to its store; None if it is there already.

    A run that its process left as running is KILLED, or FAILED where it is written down why. A store
    that is given is the run's from then on, also where another has the run already.

    Args:
        folder: The run's.
        uri: The store; None: the one that the run had, if that may be used unasked.

    Raises:
        FolderLockedError: If it runs.
        ValueError: If its folder cannot be read, is a copy, or leads out of itself by a link, or the
            store is not to be used or does not answer.
        Exception: Of `FAILURES`, if the store fails.
    """
    own = RunFolder(folder)
    refuse_links(own, pipes=False)
    with delivering(folder):
        result, journal = Result.read(folder), Journal(own.journal)
        failure = own.failure
        ended = "FAILED" if failure.exists() else "KILLED"
        was_left = result.status in {"RUNNING", "KILLED"} - {ended}
        moves = uri is not None and masked(tracking_uri(uri)) != result.tracking_uri
        if result.delivered and not (was_left or result.unwritten or moves):
            outbox().remove(folder)
            return None
        refuse_copy(folder)
        damage = journal.mend()
        if was_left:
            result.status, result.delivered = ended, False
            result.metrics |= newest_values(journal)
            try_to_write(result.write)
        manifest = Manifest.read(folder)
        store = tracking_uri(uri) if uri else store_of(result.tracking_uri, "--uri ")
        client, experiment_id = open_store(store, manifest.experiment)
        refuse_copy_in(client, folder)
        known = known_id(client, result.run_id) if moves else result.run_id
        delivery = Delivery(client, experiment_id, manifest, known)
        result.run_id, result.experiment_id = delivery.begin(), experiment_id
        result.tracking_uri = masked(store)
        try_to_write(result.write)
        if result.status != "FINISHED" and (metrics := delivery.final_metrics()) is not None:
            # The store heard it, and a full disk did not.
            result.status, result.metrics = "FINISHED", metrics
            failure.unlink(missing_ok=True)
            manifest.artifacts, result.missing = _found(own)
            result.checkpoint = str(own.best) if own.best.exists() else ""
            try_to_write(partial(manifest.write, folder))
        points = delivery.deliver_all(folder, result.status)
        result.delivered, result.undelivered = True, 0
        result.unwritten = max(0, result.unwritten - delivery.restored)
        try_to_write(result.write)
        outbox().remove(folder)
        return DeliveredRun(result.name, points, result.status, damage)


def why(error: Exception) -> str:
    """Why a folder was not delivered, in a line; with the error's kind where none was foreseen."""
    foreseen = isinstance(error, (ValueError, *FAILURES))
    return first_line(error) if foreseen else f"{type(error).__name__}: {first_line(error)}"


def _found(folder: RunFolder) -> tuple[list[str], list[str]]:
    """Of what a run may leave, the names that its store is to have, and what is not there."""
    found = [path.relative_to(folder.path) for path in folder.artifacts if path.exists()]
    gone = [path for path in folder.artifacts if not path.exists() and path != folder.code]
    names = list(dict.fromkeys(path.parts[0] for path in found))
    return names, [str(path.relative_to(folder.path)) for path in gone]


class Outbox:
    """Lists the runs that wait: a small file for each, in a folder that all runs started here share."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, run: Path) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        write_text(self._entry(run), str(run.absolute()))

    def remove(self, run: Path) -> None:
        """It has been delivered, if it is on the list."""
        self._entry(run).unlink(missing_ok=True)

    def deliver(self, uri: str) -> list[DeliveredRun]:
        """Bring those there that can be; the others wait on."""
        delivered = []
        for entry in sorted(self.folder.glob("*.txt")):
            run = entry
            try:
                run = self._read(entry)
                if not run.exists():
                    log.warning("%s is gone, and with it what MLflow had not got", run)
                    entry.unlink(missing_ok=True)
                    continue
                if Result.read(run).tracking_uri != masked(uri):
                    continue  # it waits for another store
                done = deliver(run, uri)
            except FolderLockedError:
                continue
            except Exception as error:  # noqa: BLE001 another's files end no run
                log.warning("%s still waits for MLflow: %s", run, why(error))
                continue
            entry.unlink(missing_ok=True)
            if done and done.damage:
                log.warning(done.damage)
            delivered += [done] if done else []
        return delivered

    def _read(self, entry: Path) -> Path:
        """The run that an entry names, which its own name is the checksum of.

        Raises:
            ValueError: If it does not match.
        """
        run = Path(read_text(entry))
        if self._entry(run) != entry:
            raise ValueError(f"{entry} is damaged: its content does not match its name")
        return run

    def _entry(self, run: Path) -> Path:
        return self.folder / f"{hashlib.sha256(str(run.absolute()).encode()).hexdigest()[:16]}.txt"


def outbox() -> Outbox:
    """The list of the folder where the user stands."""
    return Outbox(here() / "outputs" / "undelivered")
