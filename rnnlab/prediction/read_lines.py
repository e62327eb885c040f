"""Sequences from JSON lines: one a line, answered before the next is there."""

import json
from collections.abc import Iterator
from typing import IO, Any

import numpy as np

from rnnlab.foundation.checks import did_you_mean
from rnnlab.prediction.inputs import InputsRefusedError, refuse_kind, refuse_shape
from rnnlab.prediction.source import InputSequence, Source, reading

KEYS = ("inputs", "sequence")


def read_json_lines(file: IO[bytes], input_size: int) -> Source:
    """`{"inputs": [[0.1, 0], [0.7, 1]]}`, with a name as `"sequence": "a"` if it is to have one; or the list alone."""
    return Source(True, _sequences(file, input_size))


def _sequences(file: IO[bytes], input_size: int) -> Iterator[InputSequence]:
    count = 0
    for number, line in enumerate(file, start=1):
        if not line.strip():
            continue
        try:
            with reading("line of JSON"):
                name, inputs = _sequence(json.loads(line))
            refuse_kind(inputs.dtype)
            refuse_shape(inputs.shape, input_size)
        except InputsRefusedError as error:
            raise InputsRefusedError(f"line {number}: {error}") from error
        yield InputSequence(str(count) if name is None else name, iter([inputs]))
        count += 1


def _sequence(value: Any) -> tuple[str | None, np.ndarray]:
    name = None
    if isinstance(value, dict):
        if unknown := sorted(value.keys() - {*KEYS}):
            raise InputsRefusedError(f"{unknown[0]} is no key: {did_you_mean(unknown[0], KEYS)}")
        if "inputs" not in value:
            raise InputsRefusedError("it has no inputs")
        if (name := value.get("sequence")) is not None and not isinstance(name, str | int):
            raise InputsRefusedError(f"sequence={name!r} is no name")
        value = value["inputs"]
    if not isinstance(value, list):
        raise InputsRefusedError("inputs are a list of steps, each a list of numbers")
    try:
        inputs = np.array(value)
    except ValueError as error:
        raise InputsRefusedError("inputs are steps of different lengths") from error
    return None if name is None else str(name), inputs
