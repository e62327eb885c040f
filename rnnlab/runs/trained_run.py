"""A finished run opened again with its trained model: from its folder, or from its store alone."""

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rnnlab.foundation.checks import check_choice
from rnnlab.foundation.files import read_bytes
from rnnlab.foundation.links import refuse_links
from rnnlab.foundation.masking import masked
from rnnlab.foundation.run_folder import RunFolder
from rnnlab.runs.found_run import find_run, refuse_unfinished
from rnnlab.runs.named_run import CHECKPOINTS, named_folder
from rnnlab.runs.trained_model import TrainedModel, checkpoint_of, model_of_checkpoint
from rnnlab.tasks import DataFile
from rnnlab.tracking.datasets import files_in, files_of
from rnnlab.tracking.journal import Journal
from rnnlab.tracking.manifest import Manifest
from rnnlab.tracking.pages import metric_history
from rnnlab.tracking.result import Result

TEST = "test/loss"


@dataclass(frozen=True)
class TrainedRun:
    """A run that has finished, and the weights of one of its checkpoints.

    Args:
        name: `lstm · adding 50 · s0`.
        run_id: The store's; empty where no store has it yet.
        uri: Of its store.
        folder: Its own, if that is on this machine.
        model: Of one of its checkpoints.
        tested_at: The step of MLflow under which its test is recorded.
        device: What it was tested on: `cpu, AMD EPYC`.
        checkpoint: The file that the weights are of, and its digest, where it is on this machine.
        data: What it was trained on.
    """

    name: str
    run_id: str
    uri: str
    folder: RunFolder | None
    model: TrainedModel
    tested_at: int
    device: str
    checkpoint: tuple[Path, str] | None = None
    data: Sequence[DataFile] = ()

    def refuse_changed(self) -> None:
        """See that its folder is still as it was opened: a run may be trained on at any time.

        Raises:
            ValueError: If it is not.
        """
        if self.folder is None or self.checkpoint is None:
            return
        path, digest = self.checkpoint
        finished = Result.read(self.folder.path).status == "FINISHED"
        if not (finished and tested_at(self.folder) == self.tested_at and _digest(path) == digest):
            raise ValueError(f"{self.folder.path} has been trained on meanwhile: ask it again")


def open_run(name: str, checkpoint: str = "best", uri: str | None = None) -> TrainedRun:
    """The run that `name` is: a folder, or the id of a run in a store.

    A run whose folder is not on this machine is opened by its store, which has the best checkpoint's
    model and no other.

    Args:
        name: Of the run.
        checkpoint: "best", which was tested, or "last".
        uri: Of the store; None: the folder's own, or $MLFLOW_TRACKING_URI, or mlflow.db here.

    Raises:
        ValueError: If there is no such run, it has not finished, or it has no such checkpoint.
    """
    check_choice("checkpoint", checkpoint, CHECKPOINTS)
    folder = named_folder("run", name)
    if folder is not None:
        return _of_folder(folder, checkpoint, uri)
    return _of_store(name, checkpoint, uri)


def _of_folder(folder: RunFolder, checkpoint: str, uri: str | None) -> TrainedRun:
    from rnnlab.tracking.copies import refuse_copy  # with MLflow

    refuse_links(folder)
    result = Result.read(folder.path)
    refuse_unfinished(str(folder.path), result.status)
    if not os.access(folder.path, os.W_OK):
        raise ValueError(f"run={folder.path} may not be written to: its answer goes there")
    refuse_copy(folder.path)
    file = checkpoint_of(folder, checkpoint)
    return TrainedRun(
        name=result.name,
        run_id=result.run_id,
        uri=_store_of(result, uri),
        folder=folder,
        model=model_of_checkpoint(file, folder.code),
        tested_at=tested_at(folder),
        device=result.machine.get("device", ""),
        checkpoint=(file, _digest(file)),
        data=files_in(Manifest.read(folder.path).data),
    )


def _store_of(result: Result, uri: str | None) -> str:
    """The run's own, which the user may have to name, and no other."""
    from rnnlab.tracking.named_store import store_of
    from rnnlab.tracking.store import tracking_uri

    if uri is None:
        return store_of(result.tracking_uri, "tracking.uri=")
    if masked(tracking_uri(uri)) != result.tracking_uri:
        raise ValueError(
            f"tracking.uri={masked(uri)} is not the run's store, {result.tracking_uri}: "
            "rnnlab.sync --uri brings a run to another"
        )
    return tracking_uri(uri)


def _of_store(run_id: str, checkpoint: str, uri: str | None) -> TrainedRun:
    found = find_run(run_id, uri)
    if found.folder is not None:
        return _of_folder(found.folder, checkpoint, found.uri)
    run = found.run
    return TrainedRun(
        name=str(run.info.run_name),
        run_id=run_id,
        uri=found.uri,
        folder=None,
        model=found.model(checkpoint),
        tested_at=_last(metric.step for metric in metric_history(found.client, run_id, TEST)),
        device=run.data.tags.get("rnnlab.device", ""),
        data=files_of(run),
    )


def tested_at(folder: RunFolder) -> int:
    """The step under which the journal of a run has its test."""
    return _last(point.step for point in Journal(folder.journal) if point.key == TEST)


def _last(steps: Iterable[int]) -> int:
    return max(steps, default=0)


def _digest(path: Path) -> str:
    return hashlib.sha256(read_bytes(path)).hexdigest()
