"""The trained model as MLflow keeps it; served_model.py is the code that goes with it."""

import json
import shutil
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import mlflow
from mlflow.models import ModelSignature
from mlflow.types import Schema, TensorSpec
from numpy import dtype
from safetensors.torch import save
from torch import Tensor

from rnnlab import __version__
from rnnlab.foundation.run_folder import RunFolder

CODE = Path(__file__).with_name("served_model.py")
REQUIREMENTS = ("mlflow", "numpy", "safetensors", "torch")


def write_model(folder: Path, config: Mapping[str, Any], weights: dict[str, Tensor]) -> str:
    """Write an MLflow model into a run's folder; returns the name of the model's own.

    Args:
        folder: The run's.
        config: Of the run, plain and without secrets.
        weights: Of the model.
    """
    path = RunFolder(folder).model
    shutil.rmtree(path, ignore_errors=True)  # of an attempt that was killed here
    any_size = Schema([TensorSpec(dtype("float32"), (-1, -1, -1))])
    with TemporaryDirectory(dir=folder) as parts:
        # A full disk is an OSError here, where safetensors' own writer has an error of its own.
        weights_path, config_path = Path(parts, "weights.safetensors"), Path(parts, "model.json")
        weights_path.write_bytes(
            save({name: w.detach().cpu().contiguous() for name, w in weights.items()})
        )
        content = {"version": __version__, "config": dict(config)}
        config_path.write_text(json.dumps(content), encoding="utf-8")
        mlflow.pyfunc.save_model(
            path,
            python_model=str(CODE),
            artifacts={"weights": str(weights_path), "config": str(config_path)},
            signature=ModelSignature(inputs=any_size, outputs=any_size),
            pip_requirements=[f"{name}=={version(name)}" for name in REQUIREMENTS],
        )
    return path.name
