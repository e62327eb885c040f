"""The sequences that an input holds, one after another, each in pieces that fit into memory."""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from pyarrow import ArrowException
from scipy.io.wavfile import WavFileWarning

from rnnlab.foundation.masking import first_line
from rnnlab.prediction.inputs import InputsRefusedError

MOST_STEPS, MOST_NUMBERS = 2**13, 2**19
"""Of a piece."""
UNREADABLE = (
    *(ValueError, TypeError, EOFError, OSError, RuntimeError, RecursionError, OverflowError),
    *(zipfile.BadZipFile, zlib.error, ArrowException, WavFileWarning),
)
"""What libraries raise for a file that is truncated, damaged or of another kind."""


class InputSequence(NamedTuple):
    """One of them. Its pieces are read before the next sequence is asked for."""

    name: str
    pieces: Iterator[np.ndarray]  # (steps, input_size)
    encoded: bool = False
    """Whether the task has encoded them."""


class Source(NamedTuple):
    """What an input holds."""

    several: bool
    """Whether it is a kind of input that has several sequences, even where it has one."""
    sequences: Iterator[InputSequence]


def steps_at_once(features: int) -> int:
    """Of a piece."""
    return max(1, min(MOST_STEPS, MOST_NUMBERS // features))


@contextmanager
def reading(kind: str) -> Iterator[None]:
    """Turns what libraries raise into one line that says what the file should be.

    Raises:
        InputsRefusedError: For `UNREADABLE`.
    """
    try:
        yield
    except InputsRefusedError:
        raise
    except MemoryError as error:
        raise InputsRefusedError("it does not fit into memory") from error
    except UNREADABLE as error:
        raise InputsRefusedError(f"it is no whole {kind}: {first_line(error)}") from error
