"""Files that were cut or changed at random. Oracle: `InputsRefusedError` alone, which the command tells in a line."""

import io
import zipfile
from collections.abc import Callable

import numpy as np
import pytest
from scipy.io import wavfile

from rnnlab.prediction.formats import READ
from rnnlab.prediction.inputs import InputsRefusedError
from rnnlab.tasks import Task
from tests.support.senses import RATE, Senses

X = np.random.default_rng(0).random((50, 27))


def wav() -> bytes:
    """Whose header takes 44 bytes."""
    file = io.BytesIO()
    wavfile.write(file, RATE, np.arange(100, dtype=np.int16))
    return file.getvalue()


def npy() -> bytes:
    """Whose header takes 128 bytes."""
    file = io.BytesIO()
    np.save(file, X)
    return file.getvalue()


def npz(method: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr("a.npy", npy())
    return file.getvalue()


def is_refused(kind: str, data: bytes, task: Task) -> bool:
    """Whether it is; otherwise each of its sequences is read to its end."""
    try:
        for sequence in READ[kind].read(io.BytesIO(data), task, None).sequences:
            for _ in sequence.pieces:
                pass
    except InputsRefusedError:
        return True
    return False


@pytest.mark.parametrize(("kind", "make"), [("wav", wav), ("npy", npy)])
def test_a_file_that_was_cut_anywhere_is_refused(kind: str, make: Callable[[], bytes]) -> None:
    whole, task = make(), Senses()
    assert not is_refused(kind, whole, task)
    lengths = range(len(whole)) if kind == "wav" else range(0, len(whole), 7)
    assert [n for n in lengths if not is_refused(kind, whole[:n], task)] == []


@pytest.mark.parametrize("by_column", [False, True])
@pytest.mark.parametrize("shape", [(-1, 27), (-2, 50, 27), (2, -50, 27)])
def test_a_size_below_0_is_refused(shape: tuple[int, ...], by_column: bool) -> None:
    """Oracle: numpy's own header, with one size of it negative, before numbers enough for it."""
    file = io.BytesIO()
    header = {"descr": "<f8", "fortran_order": by_column, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    with pytest.raises(InputsRefusedError, match=r"inputs of shape \(.*\): a size is at least 1"):
        READ["npy"].read(io.BytesIO(file.getvalue() + X.tobytes()), Senses(), None)


@pytest.mark.parametrize(
    ("kind", "whole", "changeable"),
    [
        ("wav", wav(), 44),
        ("npy", npy(), 128),
        *(
            ("npz", npz(method), 600)
            for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA)
        ),
    ],
    ids=["wav", "npy", "npz", "npz deflated", "npz lzma"],
)
def test_bytes_that_were_changed_at_random(kind: str, whole: bytes, changeable: int) -> None:
    draw, task = np.random.default_rng(0), Senses()
    refused = 0
    for _ in range(400):
        data = bytearray(whole)
        for place in draw.integers(0, changeable, 2):
            data[place] = draw.integers(256)
        refused += is_refused(kind, bytes(data), task)
    assert refused > 200
