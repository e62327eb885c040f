"""The formats by their names: how each is read and written, and which of them a file's name tells."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, NamedTuple

from rnnlab.foundation.checks import check_choice, did_you_mean
from rnnlab.prediction.read_arrays import read_npy, read_npz
from rnnlab.prediction.read_lines import read_json_lines
from rnnlab.prediction.read_media import read_text, read_wav
from rnnlab.prediction.read_tables import read_csv, read_parquet
from rnnlab.prediction.source import Source
from rnnlab.prediction.write_arrays import NpyWriter, NpzWriter
from rnnlab.prediction.write_lines import JsonLinesWriter
from rnnlab.prediction.write_tables import CsvWriter, ParquetWriter
from rnnlab.prediction.writer import Writer
from rnnlab.tasks import Task

PIPE = "-"


class Reading(NamedTuple):
    """How a format is read."""

    read: Callable[[IO[bytes], Task, list[str] | None], Source]
    seeks: bool = False
    """Whether it is read from its end, as a pipe cannot be."""
    table: bool = False
    """Whether it has columns that can be chosen."""


class Wanted(NamedTuple):
    """What a writer has to know of the answers."""

    several: bool  # sequences
    class_names: tuple[str, ...] | None
    folder: Path | None  # of the output; None for a pipe


class Writing(NamedTuple):
    """How a format is written."""

    write: Callable[[IO[bytes], Wanted], Writer]
    flows: bool = False
    """Whether it is written as answers are made, so that a pipe has each at once."""
    arrays: bool = True
    """Whether it holds more than the outputs."""


READ = {
    "npy": Reading(lambda file, task, _: read_npy(file, task.input_size)),
    "npz": Reading(lambda file, task, _: read_npz(file, task.input_size), seeks=True),
    "csv": Reading(lambda file, task, names: read_csv(file, task.input_size, names), table=True),
    "jsonl": Reading(lambda file, task, _: read_json_lines(file, task.input_size)),
    "parquet": Reading(
        lambda file, task, names: read_parquet(file, task.input_size, names), True, table=True
    ),
    "wav": Reading(lambda file, task, _: read_wav(file, task)),
    "text": Reading(lambda file, task, _: read_text(file, task)),
}
WRITE = {
    "npy": Writing(lambda file, wanted: NpyWriter(file, wanted.several), arrays=False),
    "npz": Writing(lambda file, wanted: NpzWriter(file, wanted.folder)),
    "csv": Writing(lambda file, wanted: CsvWriter(file, wanted.class_names), flows=True),
    "jsonl": Writing(lambda file, _: JsonLinesWriter(file), flows=True),
    "parquet": Writing(lambda file, wanted: ParquetWriter(file, wanted.class_names)),
}
ENDINGS = {"txt": "text"} | {name: name for name in READ if name != "text"}
"""Of a file's name, and the format that it tells."""


def format_of(option: str, name: str, given: str | None, known: Iterable[str]) -> str:
    """The format of a file.

    Args:
        option: "input" or "output".
        name: Of the file, or - for a pipe.
        given: What the user says that it is; None: its name tells.
        known: Formats that are read, or written.

    Raises:
        ValueError: If that is none of these, or the name does not tell.
    """
    known = [*known]
    key = f"{option}_format"
    if given is not None:
        return check_choice(key, given, known)
    if name == PIPE:
        raise ValueError(f"{option}=- does not tell its format: {key}={'|'.join(known)}")
    ending = Path(name).suffix.removeprefix(".").lower()
    found = ENDINGS.get(ending)
    if found not in known:
        allowed = [f".{each}" for each, kind in ENDINGS.items() if kind in known]
        meant = did_you_mean(f".{ending}", allowed)
        raise ValueError(f"{option}={name} does not tell its format: {meant}, or {key}=")
    return found
