"""Sequences from .npy and .npz files. Nothing is unpickled, and no array has to fit into memory."""

import math
import zipfile
from collections.abc import Iterator
from typing import IO

import numpy as np
from numpy.lib import format as npy

from rnnlab.prediction.inputs import InputsRefusedError, refuse_kind, refuse_shape
from rnnlab.prediction.source import InputSequence, Source, reading, steps_at_once

HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


class ArrayFile:
    """An array at the beginning of a file, or in a pipe.

    Args:
        file: Read from where it is.
        input_size: Features that a model takes.
        several: Whether it may be a batch of sequences.

    Raises:
        InputsRefusedError: If it is none, or one that a model does not take.
    """

    def __init__(self, file: IO[bytes], input_size: int, several: bool) -> None:
        self.file = file
        with reading(".npy file"):
            version = npy.read_magic(file)
            if version not in HEADERS:
                raise ValueError(f"version {version} is not known")
            self.shape, self.by_column, self.dtype = HEADERS[version](file)
            refuse_kind(self.dtype)
            refuse_shape(self.shape, input_size, several)

    def sequences(self) -> Iterator[Iterator[np.ndarray]]:
        """The pieces of each, (steps, input_size)."""
        shape = self.shape if len(self.shape) == 3 else (1, *self.shape)
        whole = None
        if self.by_column:  # no sequence of it lies in one piece
            whole = self._read(*reversed(self.shape)).T.reshape(shape)
        for number in range(shape[0]):
            yield self._pieces(*shape[1:]) if whole is None else iter([whole[number]])
        if self.file.read(1):
            raise InputsRefusedError("there is more after its array: an .npz file holds several")

    def _pieces(self, steps: int, features: int) -> Iterator[np.ndarray]:
        at_once = steps_at_once(features)
        for start in range(0, steps, at_once):
            yield self._read(min(at_once, steps - start), features)

    def _read(self, *shape: int) -> np.ndarray:
        size = math.prod(shape) * self.dtype.itemsize
        with reading(".npy file"):
            data = self.file.read(size)
            if len(data) < size:
                raise EOFError("it ends before its array does")
        return np.frombuffer(data, self.dtype).reshape(shape)


def read_npy(file: IO[bytes], input_size: int) -> Source:
    """An array (seq_len, input_size) or (batch, seq_len, input_size)."""
    array = ArrayFile(file, input_size, several=True)
    found = enumerate(array.sequences())
    return Source(len(array.shape) == 3, (InputSequence(str(n), s) for n, s in found))


def read_npz(file: IO[bytes], input_size: int) -> Source:
    """An array (seq_len, input_size) for each sequence, which has its name."""
    with reading(".npz file"):
        archive = zipfile.ZipFile(file)
    names = archive.namelist()
    if not names:
        raise InputsRefusedError("it holds no arrays")
    if strange := [name for name in names if not name.endswith(".npy")]:
        raise InputsRefusedError(f"it holds {strange[0]}, which is no array")
    return Source(True, _members(archive, names, input_size))


def _members(
    archive: zipfile.ZipFile, names: list[str], input_size: int
) -> Iterator[InputSequence]:
    for name in names:
        label = name.removesuffix(".npy")
        try:
            with reading(".npz file"):
                member = archive.open(name)
            with member:
                array = ArrayFile(member, input_size, several=False)
                for pieces in array.sequences():
                    yield InputSequence(label, pieces)
        except InputsRefusedError as error:
            raise InputsRefusedError(f"array {label}: {error}") from error
