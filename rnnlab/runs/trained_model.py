"""What a trained model is made of: its config, its weights, and the code of classes of the user's own."""

import atexit
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from torch import Tensor

from rnnlab.foundation.files import read_bytes
from rnnlab.foundation.masking import first_line, masked
from rnnlab.foundation.run_folder import RunFolder
from rnnlab.foundation.version import check_version
from rnnlab.runs.model_file import CODE, ModelFile
from rnnlab.runs.run_config import with_found

if TYPE_CHECKING:
    from mlflow import MlflowClient

RUNS = "runs:/"
_downloaded = ExitStack()
"""Folders of models of stores, which live as long as this process: it may import code from them."""
atexit.register(_downloaded.close)


@dataclass(frozen=True)
class TrainedModel:
    """Enough to make the model again.

    Args:
        config: Of its run, plain, with what the task found in its data.
        weights: By the names of torch's state_dict.
        code: The folder of the user's own classes that the config names.
    """

    config: Mapping[str, Any]
    weights: Mapping[str, Tensor]
    code: Path | None


def checkpoint_of(folder: RunFolder, checkpoint: str) -> Path:
    """The file of a run's "best" checkpoint or its "last"; raises ValueError if it has none."""
    file = folder.best if checkpoint == "best" else folder.last
    if not file.exists():
        raise ValueError(f"run={folder.path} has no {file.name}: it diverged before its first")
    return file


def model_of_checkpoint(file: Path, code: Path) -> TrainedModel:
    """From a checkpoint of rnnlab's command, and the code of its run.

    Raises:
        ValueError: If it cannot be read, or another version or program has written it.
    """
    from rnnlab.training import checkpoints  # with Lightning, which takes seconds to import

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
    return TrainedModel(with_found(own["config"], found), weights, code if code.is_dir() else None)


def model_in(folder: Path, name: str) -> TrainedModel:
    """From the files of an MLflow model, each of which has a checksum.

    Args:
        folder: Of the model.
        name: What a message calls it.

    Raises:
        ValueError: If it is no model of rnnlab's, it is damaged, or another version has made it.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    parts = folder / "artifacts"
    if not (parts / "model.json").is_file():
        raise ValueError(f"{name} is no model of rnnlab's: it has no artifacts/model.json")
    stored = ModelFile.read(parts / "model.json")
    check_version(name, stored.version)
    try:
        weights = load(read_bytes(parts / "weights.safetensors"))
    except (SafetensorError, OSError) as error:
        raise ValueError(f"the weights of {name} cannot be read: {first_line(error)}") from error
    code = parts / CODE
    return TrainedModel(stored.config, weights, code if code.is_dir() else None)


def model_of_run(client: "MlflowClient", run_id: str, store: str) -> TrainedModel:
    """From the model among a run's artifacts.

    Raises:
        ValueError: If there is none, or it cannot be read.
    """
    from mlflow.exceptions import MlflowException

    try:
        model = client.download_artifacts(run_id, RunFolder(Path()).model.name, _new_folder())
    except (MlflowException, OSError) as error:
        raise ValueError(
            f"run={run_id} has no model in {masked(store)}: tracking.log_model=false, or it diverged, and "
            "its folder is not on this machine"
        ) from error
    return model_in(Path(model), f"run={run_id}")


def model_of_uri(client: "MlflowClient", uri: str, store: str) -> TrainedModel:
    """From what MLflow finds by `models:/NAME@ALIAS`, `models:/NAME/VERSION` or `runs:/ID/model`.

    Raises:
        ValueError: If it finds nothing, or what it finds cannot be read.
    """
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException
    from mlflow.store.artifact.utils.models import get_model_name_and_version

    try:
        if uri.startswith(RUNS):
            run_id, _, path = uri.removeprefix(RUNS).partition("/")
            model = client.download_artifacts(run_id, path, _new_folder())
        else:
            # MLflow's own way from a name to its files asks the store of the whole process.
            name, version = (*get_model_name_and_version(client, uri), None)[:2]
            if name is None or version is None:
                raise ValueError(
                    f"run={uri} is neither models:/NAME@ALIAS nor models:/NAME/VERSION"
                )
            source = client.get_model_version_download_uri(name, version)
            model = download_artifacts(source, dst_path=_new_folder(), tracking_uri=store)
    except (MlflowException, OSError) as error:
        raise ValueError(f"run={uri}: {first_line(error)}") from error
    return model_in(Path(model), f"run={uri}")


def _new_folder() -> str:
    return _downloaded.enter_context(TemporaryDirectory())
