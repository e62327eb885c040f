"""Answers as .npy and .npz files, whose arrays are written before their length is known."""

import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from rnnlab.prediction.inputs import InputsRefusedError
from rnnlab.prediction.writer import Writer

OUTPUTS = "outputs"
HEADER = 128
"""Bytes that numpy's header takes of an array of numbers with up to three sizes."""


class _Growing:
    """An array in a file, to which rows are added."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.rows = file, 0
        self.inner: tuple[int, ...] = ()
        self.dtype = np.dtype(np.float32)

    def add(self, array: np.ndarray) -> None:
        self.rows += len(array)
        self.inner, self.dtype = array.shape[1:], array.dtype
        self.file.write(np.ascontiguousarray(array).data)

    def header(self, *outer: int) -> dict[str, Any]:
        """Of the array, whose rows are these in as many dimensions."""
        shape = (*outer, *self.inner)
        descr = npy.dtype_to_descr(self.dtype)
        return {"descr": descr, "fortran_order": False, "shape": shape}


class NpyWriter(Writer):
    """y_t of one sequence, (steps, output_size), or of several of one length, (batch, steps, output_size).

    Args:
        file: That can be gone back in.
        several: Whether there is a batch, be it of one sequence.
    """

    def __init__(self, file: IO[bytes], several: bool) -> None:
        self._file, self._several = file, several
        self._array = _Growing(file)
        self._steps: int | None = None
        self._sequences, self._begun = 0, 0
        file.write(bytes(HEADER))

    def begin(self, name: str) -> None:
        self._begun = self._array.rows

    def add(self, first: int, arrays: Mapping[str, np.ndarray]) -> None:
        self._array.add(arrays[OUTPUTS])

    def end(self) -> None:
        steps = self._array.rows - self._begun
        self._sequences += 1
        if self._steps not in (None, steps):
            raise InputsRefusedError(
                f"sequences of {self._steps} and of {steps} steps are no one array: .npz holds them"
            )
        self._steps = steps

    def close(self) -> None:
        assert self._steps is not None
        sizes = (self._sequences, self._steps) if self._several else (self._steps,)
        self._file.seek(0)
        npy.write_array_header_1_0(self._file, self._array.header(*sizes))
        assert self._file.tell() == HEADER


class NpzWriter(Writer):
    """An array for each sequence, which has its name; all else of it has NAME/probabilities, NAME/class, NAME/h.

    Args:
        file: That can be gone back in.
        folder: Where a sequence's arrays wait for its end; None: where the system has such files.
    """

    def __init__(self, file: IO[bytes], folder: Path | None) -> None:
        self._folder = folder
        self._archive = zipfile.ZipFile(file, "w")
        self._growing: dict[str, _Growing] = {}
        self._waiting = ExitStack()
        self._names: set[str] = set()
        self._name = ""

    def begin(self, name: str) -> None:
        if "\0" in name or name.startswith("/") or ".." in name.split("/"):
            raise InputsRefusedError(
                f"the name {name!r} cannot be that of an array in an .npz file: "
                "it has no NUL, no / at its beginning, and no part that is '..'"
            )
        self._name = name

    def add(self, first: int, arrays: Mapping[str, np.ndarray]) -> None:
        for key, array in arrays.items():
            if key not in self._growing:
                file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 closed in `end`
                self._growing[key] = _Growing(self._waiting.enter_context(file))
            self._growing[key].add(array)

    def end(self) -> None:
        for key, growing in self._growing.items():
            name = self._name if key == OUTPUTS else f"{self._name}/{key}"
            if name in self._names:
                raise InputsRefusedError(f"two arrays would be called {name}")
            self._names.add(name)
            entry = zipfile.ZipInfo(f"{name}.npy")
            with self._archive.open(entry, "w", force_zip64=True) as to:
                npy.write_array_header_1_0(to, growing.header(growing.rows))
                growing.file.seek(0)
                shutil.copyfileobj(growing.file, to)
        self._growing.clear()
        self._waiting.close()

    def close(self) -> None:
        self._archive.close()

    def drop(self) -> None:
        self._waiting.close()
        with suppress(OSError, ValueError):  # as of a full disk
            self._archive.close()
