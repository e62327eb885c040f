"""From an input to an output: every sequence answered a piece at a time, and nothing left half-written."""

import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from rnnlab.foundation.files import why_unread
from rnnlab.foundation.here import here
from rnnlab.prediction.formats import PIPE, READ, WRITE, Wanted
from rnnlab.prediction.inputs import InputsRefusedError
from rnnlab.prediction.output_file import output_file, refuse_output, spooled
from rnnlab.prediction.predictor import Predictor, prepared_predictor
from rnnlab.prediction.request import PredictionRequest
from rnnlab.prediction.source import InputSequence, Source
from rnnlab.prediction.writer import Writer


class Predicted(NamedTuple):
    """What has been written: how much of it."""

    sequences: int
    steps: int


def predict(request: PredictionRequest) -> Predicted:
    """Answer the input's sequences, and write what comes of it.

    Raises:
        ValueError: For a model that cannot be opened, an input that it does not take, or an output that
            cannot be made; there is no output then.
        OSError: As the disk says.
    """
    with _input(request) as file:
        if request.path is not None:
            refuse_output(f"output={request.output}", request.path, request.overwrite)
        predictor = prepared_predictor(*request.model)
        last = _is_last(request, predictor)
        try:
            source = READ[request.input_format].read(file, predictor.task, request.columns)
            with _output(request) as to, _writer(request, predictor, source, to) as writer:
                return _answer(predictor, source, writer, last, request.states)
        except InputsRefusedError as error:
            raise ValueError(f"input={request.input}: {error}") from error


def _is_last(request: PredictionRequest, predictor: Predictor) -> bool:
    if request.steps is not None:
        return request.steps == "last"
    return predictor.task.answers_once


def _answer(
    predictor: Predictor, source: Source, writer: Writer, last: bool, states: bool
) -> Predicted:
    sequences = steps = 0
    for sequence in source.sequences:
        try:
            steps += _answer_one(predictor, sequence, writer, last, states)
        except InputsRefusedError as error:
            where = f"sequence {sequence.name}, " if source.several else ""
            raise InputsRefusedError(f"{where}{error}") from error
        sequences += 1
    if not sequences:
        raise InputsRefusedError("it is empty")
    return Predicted(sequences, steps)


def _answer_one(
    predictor: Predictor, sequence: InputSequence, writer: Writer, last: bool, states: bool
) -> int:
    """The steps of one sequence, all or the last one of them written; how many it has."""
    stream = predictor.stream(states)
    arrays: Mapping[str, np.ndarray] = {}
    writer.begin(sequence.name)
    for piece in sequence.pieces:
        first = stream.steps
        arrays = stream.feed(piece, sequence.encoded).arrays
        if not last:
            writer.add(first, arrays)
    if last:
        writer.add(stream.steps - 1, {name: array[-1:] for name, array in arrays.items()})
    writer.end()
    return stream.steps


@contextmanager
def _input(request: PredictionRequest) -> Iterator[IO[bytes]]:
    """The file, or standard input; of that a copy where the format is read from its end."""
    if request.input != PIPE:
        path = here() / request.input
        if request.path is not None and path.exists() and _is_one(path, request.path):
            raise ValueError(f"output={request.output} is the input")
        try:
            file = path.open("rb")
        except OSError as error:
            raise ValueError(
                f"input={request.input} cannot be read: {why_unread(error)}"
            ) from error
        with file:
            status = os.fstat(file.fileno())
            if stat.S_ISREG(status.st_mode) and not status.st_size:
                raise ValueError(f"input={request.input} is empty")
            yield file
        return
    if sys.stdin is None:
        raise ValueError("input=-: standard input is closed")
    if not READ[request.input_format].seeks:
        yield sys.stdin.buffer
        return
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(sys.stdin.buffer, copy)
        copy.seek(0)
        yield copy


def _is_one(one: Path, other: Path) -> bool:
    """Whether two paths lead to one file."""
    return other.exists() and one.samefile(other)


@contextmanager
def _output(request: PredictionRequest) -> Iterator[IO[bytes]]:
    if request.path is not None:
        with output_file(f"output={request.output}", request.path, request.overwrite) as file:
            yield file
    elif WRITE[request.output_format].flows:
        yield sys.stdout.buffer
    else:
        with spooled(sys.stdout.buffer) as file:
            yield file


@contextmanager
def _writer(
    request: PredictionRequest, predictor: Predictor, source: Source, to: IO[bytes]
) -> Iterator[Writer]:
    folder = None if request.path is None else request.path.parent
    wanted = Wanted(source.several, predictor.task.class_names, folder)
    writer = WRITE[request.output_format].write(to, wanted)
    try:
        yield writer
        writer.close()
    except BaseException:
        writer.drop()
        raise
