"""A trained model as MLflow serves it: this file, its weights as safetensors, and its config.

MLflow keeps a copy of this file with the model ("models from code") and nothing is pickled. Inputs
are (batch, seq_len, input_size), of any length; predictions are y_t at every step,
(batch, seq_len, output_size), both in the units of the data that the model learnt. Loading it needs
rnnlab installed.

A model of a cell or a task of the user's own brings their source. To load it is to run that, which
the caller has to allow by the package's name: `mlflow.pyfunc.load_model(uri,
model_config={"allow_targets": ["leaky"]})`, or RNNLAB_ALLOW_TARGETS=leaky for a command of MLflow's.
"""

import json
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import torch
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.pyfunc import PythonModel, PythonModelContext
from safetensors import SafetensorError
from safetensors.torch import load_file

from rnnlab.foundation.version import check_version


class InputsError(MlflowException, ValueError):
    """What cannot be predicted from; a server answers with the message, and status 400."""

    def __init__(self, message: str) -> None:
        super().__init__(message, error_code=INVALID_PARAMETER_VALUE)


class ServedModel(PythonModel):
    """The `SequenceModel` of one run."""

    def load_context(self, context: PythonModelContext) -> None:
        path = Path(context.artifacts["config"])
        check_version("the model", _version(path))
        # of this version, once that is known to do
        from rnnlab.runs.build import check_allowed
        from rnnlab.runs.model_file import ModelFile
        from rnnlab.runs.own_code import allow_code, allowed_by_environment, model_sections
        from rnnlab.runs.run_config import read_model

        given = (context.model_config or {}).get("allow_targets", [])
        plain = {**ModelFile.read(path).config, "allow_targets": check_allowed(given)}
        plain["allow_targets"] += allowed_by_environment()
        code = Path(context.artifacts.get("code", path))
        allow_code(model_sections(plain), code, plain["allow_targets"])
        config = read_model(plain)
        self.model, self.task = config.make().eval(), config.task
        try:
            self.model.load_state_dict(load_file(context.artifacts["weights"]))
        except (SafetensorError, RuntimeError) as error:
            reason = " ".join(str(error).split())
            raise ValueError(
                f"{context.artifacts['weights']} is not of {path}: {reason}"
            ) from error

    def predict(  # pyrefly: ignore[bad-override]  MLflow's own returns None
        self,
        context: PythonModelContext,
        model_input: np.ndarray,
        params: dict[str, Any] | None = None,
    ) -> np.ndarray:
        inputs = torch.as_tensor(_checked(model_input, self.task.input_size))
        with torch.inference_mode():
            outputs, _ = self.model(self.task.encode_numbers(inputs))
            if self.task.class_names is None:
                outputs = self.task.decode_numbers(outputs)
        return outputs.numpy().astype(np.float32)


def _version(path: Path) -> str:
    try:
        return str(json.loads(path.read_text("utf-8"))["version"])
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error


def _checked(given: object, input_size: int) -> np.ndarray:
    """As numbers, (batch, seq_len, input_size).

    Raises:
        InputsError: For anything else.
    """
    try:
        inputs = np.asarray(given, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise InputsError(f"the inputs are not an array of numbers: {error}") from error
    if inputs.ndim != 3 or inputs.shape[2] != input_size or inputs.shape[1] == 0:
        raise InputsError(
            f"inputs of shape {inputs.shape} are not (batch, seq_len, {input_size}), seq_len at least 1"
        )
    if not np.isfinite(inputs).all():
        sequence, step, feature = np.argwhere(~np.isfinite(inputs))[0]
        raise InputsError(
            f"sequence {sequence}, step {step}, feature {feature} is no finite number"
        )
    return inputs


mlflow.models.set_model(ServedModel())
