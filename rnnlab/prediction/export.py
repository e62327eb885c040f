"""The model of a finished run, written as an ONNX file."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from rnnlab import __version__
from rnnlab.foundation.checks import check_bool, check_choice
from rnnlab.foundation.here import here
from rnnlab.prediction.onnx_file import onnx_file
from rnnlab.prediction.output_file import output_file, refuse_output
from rnnlab.prediction.predictor import prepared_predictor
from rnnlab.prediction.words import read_words, refuse_missing
from rnnlab.runs.build import check_allowed
from rnnlab.runs.named_run import CHECKPOINTS

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
        run: A run's folder or id, or a model's name in MLflow.
        output: The file's name, which ends in .onnx.
        checkpoint: "best" or "last".
        uri: Of the store.
        allow: Packages of the user's own whose classes may run.
        overwrite: Whether the output may replace a file.
    """

    run: str
    output: str
    checkpoint: str = "best"
    uri: str | None = None
    allow: list[str] = field(default_factory=list)
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
        run=given["run"],
        output=given["output"],
        checkpoint=check_choice("checkpoint", given.get("checkpoint", "best"), CHECKPOINTS),
        uri=given.get("tracking.uri"),
        allow=check_allowed(given.get("allow_targets", [])),
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
    predictor = prepared_predictor(request.run, request.checkpoint, request.uri, request.allow)
    about = {"rnnlab.version": __version__}
    if (names := predictor.task.class_names) is not None:
        about["rnnlab.class_names"] = json.dumps(names)
    data = onnx_file(predictor.model.to(torch.float32), predictor.task, about)
    with output_file(option, path, request.overwrite) as file:
        file.write(data)
    return len(data)
