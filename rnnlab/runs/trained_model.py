"""What a trained model is made of: its config, its weights, and the code of classes of the user's own."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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
from rnnlab.training import checkpoints

if TYPE_CHECKING:
    from mlflow import MlflowClient

_downloaded: list[TemporaryDirectory[str]] = []
"""Models of stores, which live as long as this process: it may import code from them."""


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


def model_of_checkpoint(file: Path, code: Path) -> TrainedModel:
    """From a checkpoint of rnnlab's command, and the code of its run.

    Raises:
        ValueError: If it cannot be read, or another version or program has written it.
    """
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


def model_of_uri(uri: str, store: str) -> TrainedModel:
    """From what MLflow finds by `models:/NAME@ALIAS`, `models:/NAME/VERSION` or `runs:/ID/model`.

    Raises:
        ValueError: If it finds nothing, or what it finds cannot be read.
    """
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    try:
        with _tracking(store):
            model = download_artifacts(artifact_uri=uri, dst_path=_new_folder())
    except (MlflowException, OSError) as error:
        raise ValueError(f"run={uri}: {first_line(error)}") from error
    return model_in(Path(model), f"run={uri}")


@contextmanager
def _tracking(store: str) -> Iterator[None]:
    """MLflow looks names of models up in the store of the process, and takes no other."""
    import mlflow

    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(store)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(before)


def _new_folder() -> str:
    _downloaded.append(TemporaryDirectory())
    return _downloaded[-1].name
