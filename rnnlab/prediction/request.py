"""What a prediction is asked for: the words of `rnnlab.predict`, read and checked."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rnnlab.foundation.checks import check_bool, check_choice
from rnnlab.foundation.here import here
from rnnlab.prediction.formats import PIPE, READ, WRITE, format_of
from rnnlab.prediction.words import WhichModel, read_words, refuse_missing, which_model

TEXTS = (
    *("run", "input", "output", "input_format", "output_format"),
    *("steps", "checkpoint", "tracking.uri"),
)
OTHERS = ("states", "columns", "overwrite", "allow_targets")
NEEDED = {
    "run": "the folder of a run, its id in MLflow, or models:/NAME@ALIAS",
    "input": "a file, or - for a pipe",
    "output": "a file, or - for a pipe",
}
STEPS = ("all", "last")


@dataclass(frozen=True)
class PredictionRequest:
    """One prediction.

    Args:
        model: That answers.
        input: A file's name, or - for standard input.
        output: A file's name, or - for standard output.
        input_format: A key of `formats.READ`.
        output_format: A key of `formats.WRITE`.
        steps: "all" or "last"; None: as the task answers.
        states: Whether the layers' states are wanted too.
        columns: Of a table that are the features; None: all.
        overwrite: Whether the output may replace a file.
    """

    model: WhichModel
    input: str
    output: str
    input_format: str
    output_format: str
    steps: str | None = None
    states: bool = False
    columns: list[str] | None = None
    overwrite: bool = False

    @property
    def path(self) -> Path | None:
        """Of the output; None for a pipe."""
        return None if self.output == PIPE else here() / self.output


def read_prediction_request(words: Sequence[str]) -> PredictionRequest:
    """What the words of the command line ask.

    Raises:
        ValueError: That names the word.
    """
    given = read_words(words, TEXTS, OTHERS, "a prediction")
    refuse_missing(given, NEEDED)
    steps = given.get("steps")
    request = PredictionRequest(
        model=which_model(given),
        input=given["input"],
        output=given["output"],
        input_format=format_of("input", given["input"], given.get("input_format"), READ),
        output_format=format_of("output", given["output"], given.get("output_format"), WRITE),
        steps=None if steps is None else check_choice("steps", steps, STEPS),
        states=check_bool("states", given.get("states", False)),
        columns=_columns(given.get("columns")),
        overwrite=check_bool("overwrite", given.get("overwrite", False)),
    )
    _refuse_unused(request)
    return request


def _columns(value: object) -> list[str] | None:
    if value is None:
        return None
    names = value if isinstance(value, list) else [value]
    if not names or any(isinstance(name, list | dict) or name in ("", None) for name in names):
        raise ValueError(f"columns={value} are no names of columns, as [temperature,pressure]")
    return [str(name) for name in names]


def _refuse_unused(request: PredictionRequest) -> None:
    """What would be asked for and not be looked at."""
    if request.columns is not None and not READ[request.input_format].table:
        tables = " and ".join(name for name, kind in READ.items() if kind.table)
        raise ValueError(f"columns= chooses columns of {tables}: input is {request.input_format}")
    if request.states and not WRITE[request.output_format].arrays:
        holding = ", ".join(name for name, kind in WRITE.items() if kind.arrays)
        raise ValueError(f"states=true: npy holds one array, which is y_t. {holding} hold more")
    if request.path is None and request.overwrite:
        raise ValueError("overwrite=true: a pipe holds nothing")
