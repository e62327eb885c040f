"""A run as its folder and its store have it: begun, gone on with, and ended.

The folder has each of them first. What the store does not take is delivered later, by the next run
or by `rnnlab.sync`.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mlflow import MlflowClient

from rnnlab.foundation.files import try_to_write
from rnnlab.foundation.masking import first_line, masked
from rnnlab.foundation.run_folder import RunFolder
from rnnlab.foundation.signals import Stopped, hold_signals, received_signal
from rnnlab.tasks import DataFile
from rnnlab.tracking.artifacts import Left, write_config
from rnnlab.tracking.datasets import described
from rnnlab.tracking.delivery import Delivery
from rnnlab.tracking.journal import Point
from rnnlab.tracking.logger import BufferedMLFlowLogger
from rnnlab.tracking.manifest import Manifest
from rnnlab.tracking.outbox import outbox
from rnnlab.tracking.result import Result, write_failure
from rnnlab.tracking.settings import TrackingSettings
from rnnlab.tracking.store import (
    FAILURES,
    UnreachableError,
    known_id,
    open_store,
    show,
    tracking_uri,
)
from rnnlab.tracking.ui_view import View

log = logging.getLogger(__name__)


class TrackedRun:
    """One run, of which its folder and its store know what becomes of it.

    Args:
        uri: Of its store.
        client: Of that; None where it does not answer now.
        manifest: What its store has of it besides its numbers.
        result: How it stands; from here on nothing else changes it.
        logger: Where its metrics go.
        written: The points that an earlier attempt has left; None if it begins.
        metrics: The newest value of every metric, which training fills.
    """

    def __init__(
        self,
        uri: str,
        client: MlflowClient | None,
        manifest: Manifest,
        result: Result,
        logger: BufferedMLFlowLogger,
        written: list[Point] | None,
        metrics: Mapping[str, float],
    ) -> None:
        self.uri, self.client = uri, client
        self.manifest, self.result = manifest, result
        self.logger, self.written, self.metrics = logger, written, metrics
        self.folder = RunFolder(Path(result.folder))
        self.artifacts: list[str] = []
        """Files and folders of its folder that the store is to have."""

    def run(self, config: Mapping[str, Any], work: Callable[[], Left]) -> None:
        """Begin the run, do its work, and end it, whatever becomes of the work.

        It ends as FINISHED, as KILLED if a signal has come, or else as FAILED.

        Args:
            config: What is to be run, plain and without secrets.
            work: Trains and tests; returns what it has left in the run's folder.

        Raises:
            Stopped: If a signal has come.
            Exception: Whatever else `work` raises.
        """
        began = time.monotonic()
        try:
            with hold_signals():  # or its result would say something else than its config
                self.write_down(config)
            self._begin()
            self.artifacts, self.result.missing = work()
            self.result.status = "FINISHED"
        except BaseException as error:
            signum = received_signal()
            self._fail(error, signum)
            if signum is not None:
                raise Stopped(signum) from error
            raise
        finally:
            self.result.seconds = time.monotonic() - began
            self.result.metrics = dict(self.metrics)
            with hold_signals():
                self._end()

    def write_down(self, config: Mapping[str, Any]) -> None:
        """Write into its folder what is to be run."""
        self.folder.failure.unlink(missing_ok=True)  # of the attempt before
        if self.written is not None:
            self.result.write()  # it has finished no longer, once its config says more
        write_config(self.folder.path, config)
        self.manifest.write(self.folder.path)
        self.result.write()

    def will_test(self, checkpoint: Path | None) -> None:
        """Name the checkpoint that is tested next; None where there is none."""
        self.result.checkpoint = "" if checkpoint is None else str(checkpoint)

    def _begin(self) -> None:
        """Begin the run in the store, or go on with it; one that fails is asked again later."""
        if self.client is not None:
            try:
                with hold_signals():  # or MLflow would have a run whose id nobody knows
                    self.logger.delivery = self._reach()
                    try_to_write(self.result.write)
            except FAILURES as error:
                reason = first_line(error)
                log.warning("MLflow failed, %s keeps the run: %s", self.result.folder, reason)
        self.logger.reach = self._reach
        self.logger.begin(self.written)

    def _reach(self) -> Delivery:
        """The run in its store, where it is at work."""
        if self.client is None:
            self.client, self.result.experiment_id = open_store(self.uri, self.manifest.experiment)
        known = known_id(self.client, self.result.run_id)
        delivery = Delivery(self.client, self.result.experiment_id, self.manifest, known)
        self.result.run_id = delivery.begin()
        if self.written is not None:
            delivery.go_on(self.result.changes, self.folder.path)
        return delivery

    def _fail(self, error: BaseException, signum: int | None) -> None:
        self.result.status = "FAILED" if signum is None else "KILLED"
        self.result.failure = masked(f"{type(error).__name__}: {error}")
        if signum is None:
            write_failure(self.folder.path, error)
        error.add_note(
            f"run {self.result.run_id} ended as {self.result.status}; see {self.folder.path}"
        )

    def _end(self) -> None:
        """End it on the disk first: what the store does not take is delivered later."""
        self.manifest.ended, self.manifest.artifacts = int(time.time() * 1000), self.artifacts
        try_to_write(lambda: self.manifest.write(self.folder.path))
        try_to_write(self.result.write)
        status = self.result.status
        self.result.delivered = self.logger.end(self.folder.path, self.artifacts, status)
        self.result.undelivered = len(self.logger.waiting)
        self.result.unwritten = self.logger.journal.waiting
        try_to_write(self.result.write)
        if not self.result.delivered:
            try_to_write(lambda: outbox().add(self.folder.path))


def track_run(
    tracking: TrackingSettings,
    result: Result,
    logger: BufferedMLFlowLogger,
    metrics: Mapping[str, float],
    tags: Mapping[str, str],
    params: Mapping[str, str],
    goes_on: bool,
    end: int | None = None,
    data: Sequence[DataFile] = (),
) -> TrackedRun:
    """A run whose folder this process has to itself, before it begins.

    Nothing is written yet, but that a run which trains on had ended.

    Args:
        tracking: Where its store is.
        result: What it is.
        logger: Where its metrics go.
        metrics: The newest value of every metric, which training fills.
        tags: Of the run in its store, if it begins.
        params: Likewise.
        goes_on: Whether it began before, as its manifest and its journal have it. What a command left
            that was killed before its run began is no run: it is written anew.
        end: Of one that had finished and trains on, the update at which it had ended.
        data: What its sequences are read from.

    Raises:
        ValueError: If the store cannot be used, or the folder's files cannot be read.
    """
    folder = RunFolder(Path(result.folder))
    uri, client = tracking_uri(tracking.uri), None
    result.tracking_uri = masked(uri)
    try:
        client, result.experiment_id = open_store(uri, tracking.experiment)
    except UnreachableError as error:
        log.warning("%s: the run is recorded in %s; rnnlab.sync delivers it", error, result.folder)
    else:
        show(client, result.experiment_id, View(result.task, result.length))
    if goes_on:
        manifest = Manifest.read(folder.path)
        if damage := logger.journal.mend():
            log.warning(damage)
        if end is not None:
            _forget_end(end, folder, manifest, logger)
        written = list(logger.journal)
    else:
        written = None
        manifest = Manifest.new(
            kind="run",
            experiment=tracking.experiment,
            name=result.name,
            folder=folder.path,
            overrides=result.overrides,
            tags=tags,
            params={**params, "tracking.uri": result.tracking_uri},
            data=described(data),
        )
    return TrackedRun(uri, client, manifest, result, logger, written, metrics)


def _forget_end(
    end: int, folder: RunFolder, manifest: Manifest, logger: BufferedMLFlowLogger
) -> None:
    """What a run wrote as it ended, a run that trains on would not have written."""
    manifest.ends = sorted({*manifest.ends, end})
    manifest.write(folder.path)  # before the journal, which is not to lose what it explains
    logger.journal.forget_end(end)


def deliver_waiting(result: Result, uri: str) -> None:
    """Deliver what earlier runs could not, now that the store has taken this one."""
    if not result.delivered:
        return
    outbox().remove(Path(result.folder))
    for delivered in outbox().deliver(uri):
        log.warning("%s: MLflow has it now, %d points", delivered.name, delivered.points)
