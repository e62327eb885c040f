"""The trained model as MLflow keeps it; served_model.py is the code that goes with it."""

import shutil
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import mlflow
import numpy as np
from mlflow.models import ModelSignature
from mlflow.types import Schema, TensorSpec
from safetensors.torch import save
from torch import Tensor

from rnnlab import __version__
from rnnlab.foundation.run_folder import RunFolder
from rnnlab.runs.model_file import write_model_file
from rnnlab.runs.own_code import model_sections, requirements
from rnnlab.tasks import Task
from rnnlab.tasks.stream import Stream

CODE = Path(__file__).with_name("served_model.py")
EXAMPLE_STEPS = 20
REQUIREMENTS = ("mlflow", "numpy", "safetensors", "torch")


def example_of(task: Task) -> np.ndarray:
    """Inputs that a model of the task takes: the beginnings of two test sequences, (2, seq_len, input_size)."""
    inputs = Stream(task, 2, seed=0, stream="test").batch(0).inputs
    return inputs[:, :EXAMPLE_STEPS].numpy()


def write_model(
    folder: Path,
    config: Mapping[str, Any],
    weights: dict[str, Tensor],
    example: np.ndarray,
    output_size: int,
) -> None:
    """Write an MLflow model into a run's folder, whole or not at all.

    Args:
        folder: The run's.
        config: Of the run, plain and without secrets. The run's folder has the code that it names.
        weights: Of the model.
        example: Inputs that it takes, which MLflow shows.
        output_size: Features of an answer.

    Raises:
        OSError: As the disk says.
    """
    run = RunFolder(folder)
    inputs, outputs = (
        Schema([TensorSpec(np.dtype("float32"), (-1, -1, size))])  # of any batch and length
        for size in (example.shape[2], output_size)
    )
    with TemporaryDirectory(dir=folder) as beside:
        # A full disk is an OSError here, where safetensors' own writer has an error of its own.
        parts = {
            "weights": Path(beside, "weights.safetensors"),
            "config": Path(beside, "model.json"),
        }
        parts["weights"].write_bytes(
            save({name: w.detach().cpu().contiguous() for name, w in weights.items()})
        )
        code = run.code if run.code.is_dir() else None
        write_model_file(parts["config"], config, parts["weights"], code)
        if code is not None:
            parts["code"] = code
        made = Path(beside, run.model.name)
        mlflow.pyfunc.save_model(
            made,
            python_model=str(CODE),
            artifacts={name: str(path) for name, path in parts.items()},
            signature=ModelSignature(inputs=inputs, outputs=outputs),
            input_example=example,
            pip_requirements=[*_required(), *requirements(model_sections(config))],
            model_config={"allow_targets": []},  # what the caller may set as it is loaded
        )
        shutil.rmtree(run.model, ignore_errors=True)  # of an attempt that was killed
        made.rename(run.model)


def _required() -> list[str]:
    return [f"rnnlab=={__version__}", *(f"{name}=={version(name)}" for name in REQUIREMENTS)]
