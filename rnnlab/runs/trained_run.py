"""A finished run opened again with its trained model: from its folder, or from its store alone."""

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from torch import Tensor

from rnnlab.foundation.checks import check_choice
from rnnlab.foundation.files import read_bytes
from rnnlab.foundation.links import refuse_links
from rnnlab.foundation.masking import first_line, masked
from rnnlab.foundation.run_folder import RunFolder
from rnnlab.foundation.version import check_version
from rnnlab.runs.named_run import CHECKPOINTS, folder_here, named_folder
from rnnlab.runs.run_config import with_found
from rnnlab.tasks import DataFile
from rnnlab.tracking.datasets import files_in, files_of
from rnnlab.tracking.journal import Journal
from rnnlab.tracking.manifest import FOLDER_TAG, VERSION_TAG, Manifest
from rnnlab.tracking.result import Result
from rnnlab.training import checkpoints

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

TEST = "test/loss"
_downloaded: list[TemporaryDirectory[str]] = []
"""Models of stores, which live as long as this process: it may import code from them."""


@dataclass(frozen=True)
class TrainedRun:
    """A run that has finished, and the weights of one of its checkpoints.

    Args:
        name: `lstm · adding 50 · s0`.
        run_id: The store's; empty where no store has it yet.
        uri: Of its store.
        folder: Its own, if that is on this machine.
        config: Of the run, plain.
        weights: Of its model, by the names of torch's state_dict.
        tested_at: The step of MLflow under which its test is recorded.
        device: What it was tested on: `cpu, AMD EPYC`.
        code: The folder of the user's own classes that the config names.
        checkpoint: The file that the weights are of, and its digest, where it is on this machine.
        data: What it was trained on.
    """

    name: str
    run_id: str
    uri: str
    folder: RunFolder | None
    config: Mapping[str, Any]
    weights: Mapping[str, Tensor]
    tested_at: int
    device: str
    code: Path | None = None
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
    _refuse_unfinished(str(folder.path), result.status)
    if not os.access(folder.path, os.W_OK):
        raise ValueError(f"run={folder.path} may not be written to: its answer goes there")
    refuse_copy(folder.path)
    file = folder.best if checkpoint == "best" else folder.last
    if not file.exists():
        raise ValueError(f"run={folder.path} has no {file.name}: it diverged before its first")
    content = checkpoints.load(file)
    own, found = content["rnnlab"], content["rnnlab"].get("from_data", {})
    check_version(str(file), str(own.get("version", "of an unknown version")))
    if not all(isinstance(p, dict) for p in (own.get("config"), found, content.get("state_dict"))):
        raise ValueError(f"{file} was not written by rnnlab's command: it has no config")
    weights = {
        key.removeprefix("model."): weight
        for key, weight in content["state_dict"].items()
        if key.startswith("model.")
    }
    return TrainedRun(
        name=result.name,
        run_id=result.run_id,
        uri=_store_of(result, uri),
        folder=folder,
        config=with_found(own["config"], found),
        weights=weights,
        tested_at=tested_at(folder),
        device=result.machine.get("device", ""),
        code=folder.code if folder.code.is_dir() else None,
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
    from mlflow.exceptions import MlflowException

    from rnnlab.tracking.store import existing_store, tracking_uri

    store = tracking_uri(uri)
    client = existing_store(store)
    try:
        run = client.get_run(run_id)
    except MlflowException as error:
        raise ValueError(f"run={run_id}: {first_line(error)}") from error
    if run.data.tags.get("rnnlab.kind") != "run":
        raise ValueError(f"run={run_id} is no run of rnnlab's command")
    place = run.data.tags.get(FOLDER_TAG, "")
    if (folder := folder_here(place, run_id)) is not None:
        return _of_folder(folder, checkpoint, store)
    _refuse_unfinished(run_id, run.info.status)
    if checkpoint != "best":
        raise ValueError(
            f"checkpoint={checkpoint} is in the run's folder, {place}, which is not on this machine: "
            "its store has checkpoint=best alone"
        )
    check_version(f"run={run_id}", run.data.tags.get(VERSION_TAG, "of an unknown version"))
    return _of_model(client, run, store)


def _of_model(client: "MlflowClient", run: "Run", store: str) -> TrainedRun:
    """From the model among the run's artifacts, whose files have checksums."""
    from mlflow.exceptions import MlflowException
    from safetensors import SafetensorError
    from safetensors.torch import load

    from rnnlab.runs.model_file import ModelFile
    from rnnlab.tracking.pages import metric_history

    run_id = run.info.run_id
    _downloaded.append(TemporaryDirectory())
    place, name = _downloaded[-1].name, RunFolder(Path()).model.name
    try:
        model = Path(client.download_artifacts(run_id, name, place))
    except (MlflowException, OSError) as error:
        raise ValueError(
            f"run={run_id} has no model in {masked(store)}: tracking.log_model=false, or it diverged, and "
            "its folder is not on this machine"
        ) from error
    parts = model / "artifacts"
    stored = ModelFile.read(parts / "model.json")
    try:
        weights = load(read_bytes(parts / "weights.safetensors"))
    except SafetensorError as error:
        raise ValueError(f"the weights of run={run_id} cannot be read: {error}") from error
    code = parts / "code"
    return TrainedRun(
        name=str(run.info.run_name),
        run_id=run_id,
        uri=store,
        folder=None,
        config=stored.config,
        weights=weights,
        tested_at=_last(metric.step for metric in metric_history(client, run_id, TEST)),
        device=run.data.tags.get("rnnlab.device", ""),
        code=code if code.is_dir() else None,
        data=files_of(run),
    )


def tested_at(folder: RunFolder) -> int:
    """The step under which the journal of a run has its test."""
    return _last(point.step for point in Journal(folder.journal) if point.key == TEST)


def _last(steps: Iterable[int]) -> int:
    return max(steps, default=0)


def _digest(path: Path) -> str:
    return hashlib.sha256(read_bytes(path)).hexdigest()


def _refuse_unfinished(name: str, status: str) -> None:
    if status != "FINISHED":
        raise ValueError(f"run={name} has not finished: it is {status}")
