"""A run's record: what is to be run, that it began, and how it ended, in its folder and in its store.

The folder has each of them first. What the store does not take is delivered later, by the next run
or by `rnnlab.sync`.
"""

import logging
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.tracking.context.registry import resolve_tags

from rnnlab import __version__
from rnnlab.foundation.files import as_the_disk_can
from rnnlab.foundation.masking import first_line, masked
from rnnlab.foundation.signals import held
from rnnlab.tracking import PARENT_RUN, PARENT_TAG
from rnnlab.tracking.artifacts import write_config
from rnnlab.tracking.delivery import Delivery
from rnnlab.tracking.journal import Point
from rnnlab.tracking.logger import BufferedMLFlowLogger
from rnnlab.tracking.manifest import Record
from rnnlab.tracking.outbox import Delivered, deliver, waiting
from rnnlab.tracking.result import FAILURE, Result, leaves
from rnnlab.tracking.store import (
    FAILURES,
    TrackingSettings,
    UnreachableError,
    open_store,
    show,
    tracking_uri,
)
from rnnlab.tracking.ui_view import VARIANT_ON_TASK, View
from rnnlab.training.module import TrainingModule

log = logging.getLogger(__name__)


def reach(tracking: TrackingSettings, result: Result) -> MlflowClient | None:
    """The store, with the run's place in it, or None if it does not answer now."""
    uri = tracking_uri(tracking.uri)
    result.tracking_uri = masked(uri)
    try:
        client, result.experiment_id = open_store(uri, tracking.experiment)
    except UnreachableError as error:
        log.warning("%s: the run is recorded in %s; rnnlab.sync delivers it", error, result.folder)
        return None
    show(client, result.experiment_id, View(result.task, result.length))
    return client


def write_down(config: Mapping[str, Any], record: Record, result: Result) -> None:
    """What is to be run, in its folder; the config here, as in all that follows, has no secrets."""
    folder = Path(result.folder)
    (folder / FAILURE).unlink(missing_ok=True)  # of the attempt before
    write_config(folder, config)
    record.write(folder)
    result.write()


def begin(
    client: MlflowClient | None,
    record: Record,
    result: Result,
    logger: BufferedMLFlowLogger,
    written: list[Point] | None,
) -> None:
    """Begin the run in the store, or go on with it if it had `written` points before."""
    if client is not None:
        delivery = Delivery(client, result.experiment_id, record, result.run_id)
        try:
            with held():  # or MLflow would have a run whose id nobody knows
                result.run_id = delivery.begin()
                logger.delivery = delivery
                if written is not None:
                    delivery.go_on(result.changes)
                as_the_disk_can(result.write)
        except FAILURES as error:
            log.warning("MLflow failed, %s keeps the run: %s", result.folder, first_line(error))
            logger.delivery = None
    logger.begin(written)


def make_record(
    tracking: TrackingSettings, config: Mapping[str, Any], result: Result, module: TrainingModule
) -> Record:
    """What MLflow is to be told of a run that begins."""
    tags = {
        "rnnlab.kind": "run",
        "rnnlab.version": __version__,
        "rnnlab.folder": result.folder,
        "rnnlab.overrides": " ".join(result.overrides),
    }
    if parent := os.environ.get(PARENT_RUN):
        tags[PARENT_TAG] = parent
    return Record(
        experiment=tracking.experiment,
        name=result.name,
        tags=resolve_tags(tags),
        params=_params(config, result, module),
        started=int(time.time() * 1000),
    )


def _params(config: Mapping[str, Any], result: Result, module: TrainingModule) -> dict[str, str]:
    """Every leaf of the config under its override key, and what the groups were chosen to be."""
    params = dict(leaves(config)) | result.choices
    params["variant"] = result.variant
    params["seq_len"] = str(module.task.seq_len)
    params |= {key: str(getattr(result, key)) for key in ("num_params", "length", "chance")}
    params[VARIANT_ON_TASK] = f"{result.variant} · {result.task} {result.length}"
    params["tracking.uri"] = result.tracking_uri
    return params


def end(record: Record, result: Result, logger: BufferedMLFlowLogger, artifacts: list[str]) -> None:
    """The run's end, on the disk first: what the store does not take is delivered later."""
    folder = Path(result.folder)
    record.ended, record.artifacts = int(time.time() * 1000), artifacts
    as_the_disk_can(lambda: record.write(folder))
    as_the_disk_can(result.write)
    result.delivered = logger.end(folder, artifacts, result.status)
    result.undelivered = len(logger.waiting)
    as_the_disk_can(result.write)
    if not result.delivered:
        as_the_disk_can(lambda: waiting().add(folder))


def deliver_what_waits(result: Result, uri: str) -> list[Delivered]:
    """What earlier runs could not deliver, now that the store answers."""
    if not result.delivered:
        return []
    waiting().remove(Path(result.folder))
    return waiting().deliver(uri)


def deliver_finished(folder: Path, uri: str) -> Result:
    """The result of a run that had finished; what its store had not got, it gets if it answers."""
    try:
        deliver(folder, uri)
        waiting().remove(folder)
    except (ValueError, *FAILURES) as error:
        log.warning("MLflow failed, %s keeps the run: %s", folder, first_line(error))
    return Result.read(folder)
