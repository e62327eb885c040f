"""What a run leaves in MLflow beside its numbers: config, package versions, the trained model."""

import json
import shutil
from collections.abc import Mapping
from functools import cache
from importlib.metadata import distributions, version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import mlflow
import yaml
from mlflow.models import ModelSignature
from mlflow.types import Schema, TensorSpec
from numpy import dtype
from safetensors.torch import save
from torch import Tensor

from rnnlab.foundation.files import write_text
from rnnlab.tracking.result import CONFIG

SERVED = Path(__file__).parents[1] / "runs" / "served_model.py"
REQUIREMENTS = ("mlflow", "numpy", "safetensors", "torch")


def write_config(folder: Path, config: Mapping[str, Any]) -> None:
    """The resolved config, as `config.yaml`."""
    write_text(folder / CONFIG, yaml.safe_dump(dict(config), sort_keys=False))


def write_packages(folder: Path) -> str:
    """Every installed package and its version, as `packages.txt`; returns the file's name."""
    path = folder / "packages.txt"
    path.write_text(_packages(), encoding="utf-8")
    return path.name


@cache
def _packages() -> str:
    found = {f"{d.metadata['Name']}=={d.version}" for d in distributions()}
    return "\n".join(sorted(found, key=str.lower)) + "\n"


def write_model(folder: Path, config: Mapping[str, Any], weights: dict[str, Tensor]) -> str:
    """The trained model as an MLflow model, in `model/`; see `rnnlab.runs.served_model`; returns that name."""
    path = folder / "model"
    shutil.rmtree(path, ignore_errors=True)  # of an attempt that was killed here
    any_size = Schema([TensorSpec(dtype("float32"), (-1, -1, -1))])
    with TemporaryDirectory(dir=folder) as parts:
        # A full disk is an OSError here, where safetensors' own writer has an error of its own.
        weights_path, config_path = Path(parts, "weights.safetensors"), Path(parts, "model.json")
        weights_path.write_bytes(
            save({name: w.detach().cpu().contiguous() for name, w in weights.items()})
        )
        config_path.write_text(json.dumps(dict(config)), encoding="utf-8")
        mlflow.pyfunc.save_model(
            path,
            python_model=str(SERVED),
            artifacts={"weights": str(weights_path), "config": str(config_path)},
            signature=ModelSignature(inputs=any_size, outputs=any_size),
            pip_requirements=[f"{name}=={version(name)}" for name in REQUIREMENTS],
        )
    return path.name
