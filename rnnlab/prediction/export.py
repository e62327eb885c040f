"""The model of a finished run, written as an ONNX file."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from rnnlab import __version__
from rnnlab.foundation.checks import check_bool
from rnnlab.foundation.here import here
from rnnlab.prediction.onnx_file import onnx_file
from rnnlab.prediction.output_file import output_file, refuse_output
from rnnlab.prediction.predictor import prepared_predictor
from rnnlab.prediction.words import WhichModel, read_words, refuse_missing, which_model

TEXTS = ("run", "output", "checkpoint", "tracking.uri")
OTHERS = ("overwrite", "allow_targets")
NEEDED = {
    "run": "the folder of a run, its id in MLflow, or models:/NAME@ALIAS",
    "output": "the file to write, NAME.onnx",
}


@dataclass(frozen=True)
class ExportRequest:
    """One export.

    Args:
        model: That is written.
        output: The file's name, which ends in .onnx.
        overwrite: Whether the output may replace a file.
    """

    model: WhichModel
    output: str
    overwrite: bool = False


def read_export_request(words: Sequence[str]) -> ExportRequest:
    """What the words of the command line ask.

    Raises:
        ValueError: That names the word.
    """
    given = read_words(words, TEXTS, OTHERS, "an export")
    refuse_missing(given, NEEDED)
    if Path(given["output"]).suffix != ".onnx":
        raise ValueError(f"output={given['output']} does not end in .onnx")
    return ExportRequest(
        model=which_model(given),
        output=given["output"],
        overwrite=check_bool("overwrite", given.get("overwrite", False)),
    )


def export(request: ExportRequest) -> int:
    """Write the file; its size in bytes.

    Raises:
        ValueError: For a model that cannot be opened or written as ONNX, or an output that exists.
        OSError: As the disk says.
    """
    option, path = f"output={request.output}", here() / request.output
    refuse_output(option, path, request.overwrite)
    predictor = prepared_predictor(*request.model)
    about = {"rnnlab.version": __version__}
    if (names := predictor.task.class_names) is not None:
        about["rnnlab.class_names"] = json.dumps(names)
    data = onnx_file(predictor.model.to(torch.float32), predictor.task, about)
    with output_file(option, path, request.overwrite) as file:
        file.write(data)
    return len(data)
