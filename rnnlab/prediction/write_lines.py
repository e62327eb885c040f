"""Answers as JSON lines: one a sequence, written as soon as the sequence has ended."""

import json
from collections.abc import Iterator, Mapping
from typing import IO

import numpy as np

from rnnlab.prediction.writer import Writer

AT_ONCE = 2**12
"""Steps that are turned into text at once."""


class JsonLinesWriter(Writer):
    """`{"sequence": "a", "outputs": [[0.3], [0.5]]}`: the answers to one sequence are kept until its end.

    Args:
        file: A file or a pipe.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._name = ""
        self._parts: dict[str, list[np.ndarray]] = {}

    def begin(self, name: str) -> None:
        self._name = name

    def add(self, first: int, arrays: Mapping[str, np.ndarray]) -> None:
        for key, array in arrays.items():
            self._parts.setdefault(key, []).append(array)

    def end(self) -> None:
        self._write(f'{{"sequence": {json.dumps(self._name)}')
        for key, parts in self._parts.items():
            self._write(f", {json.dumps(key)}: [")
            for text in _rows(parts):
                self._write(text)
            self._write("]")
        self._write("}\n")
        self._file.flush()
        self._parts.clear()

    def _write(self, text: str) -> None:
        self._file.write(text.encode())

    def close(self) -> None:
        self._file.flush()


def _rows(parts: list[np.ndarray]) -> Iterator[str]:
    """The text of their rows, a comma between."""
    comma = ""
    for part in parts:
        for start in range(0, len(part), AT_ONCE):
            yield comma + json.dumps(part[start : start + AT_ONCE].tolist())[1:-1]
            comma = ", "
