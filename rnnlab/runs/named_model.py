"""The trained model that a command names by its run, or by its name in MLflow's registry."""

from collections.abc import Callable

from rnnlab.foundation.checks import check_choice
from rnnlab.foundation.masking import first_line
from rnnlab.foundation.run_folder import RunFolder
from rnnlab.runs.found_run import find_run, refuse_unfinished
from rnnlab.runs.named_run import CHECKPOINTS, named_folder
from rnnlab.runs.trained_model import (
    RUNS,
    TrainedModel,
    checkpoint_of,
    model_in,
    model_of_checkpoint,
    model_of_uri,
)
from rnnlab.tracking.result import Result

BY_MLFLOW = ("models:/", RUNS)


def open_model(name: str, checkpoint: str = "best", uri: str | None = None) -> TrainedModel:
    """The model of a run that has finished, or one that is registered. Nothing is written.

    Args:
        name: A run's folder, its id, `models:/NAME@ALIAS`, `models:/NAME/VERSION` or `runs:/ID/model`.
        checkpoint: "best", which was tested, or "last".
        uri: Of the store; None: $MLFLOW_TRACKING_URI, or mlflow.db here.

    Raises:
        ValueError: If there is no such model, or it cannot be read.
    """
    check_choice("checkpoint", checkpoint, CHECKPOINTS)
    if name.startswith(BY_MLFLOW):
        return _from_store(_by_uri, name, checkpoint, uri)
    folder = named_folder("run", name)
    if folder is not None:
        if uri is not None:
            raise ValueError(f"tracking.uri={uri} is not asked: run={name} is a folder")
        return _in_folder(folder, checkpoint)
    return _from_store(_by_id, name, checkpoint, uri)


def _from_store(
    find: Callable[[str, str, str | None], TrainedModel],
    name: str,
    checkpoint: str,
    uri: str | None,
) -> TrainedModel:
    """What it finds; whatever a store may fail with is one line."""
    from rnnlab.tracking.store import FAILURES  # with MLflow, which takes a second to import

    try:
        return find(name, checkpoint, uri)
    except FAILURES as error:
        raise ValueError(f"run={name}: {first_line(error)}") from error


def _by_id(name: str, checkpoint: str, uri: str | None) -> TrainedModel:
    found = find_run(name, uri)
    if found.folder is not None:
        return _in_folder(found.folder, checkpoint)
    return found.model(checkpoint)


def _by_uri(name: str, checkpoint: str, uri: str | None) -> TrainedModel:
    from rnnlab.tracking.store import existing_store, tracking_uri

    if checkpoint != "best":
        raise ValueError(
            f"checkpoint={checkpoint}: {name} is the model of one checkpoint, the best"
        )
    store = tracking_uri(uri)
    return model_of_uri(existing_store(store), name, store)


def _in_folder(folder: RunFolder, checkpoint: str) -> TrainedModel:
    """From MLflow's model, whose config has what the task found in its data; else from the checkpoint."""
    refuse_unfinished(str(folder.path), Result.read(folder.path).status)
    if checkpoint == "best" and folder.model.is_dir():
        return model_in(folder.model, f"run={folder.path}")
    return model_of_checkpoint(checkpoint_of(folder, checkpoint), folder.code)
