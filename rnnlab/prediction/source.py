"""The sequences that an input holds, one after another, each in pieces that fit into memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from rnnlab.foundation.masking import first_line
from rnnlab.prediction.inputs import InputsRefusedError

MOST_STEPS, MOST_NUMBERS = 2**13, 2**19
"""Of a piece."""


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
        InputsRefusedError: For whatever is raised by a file that is truncated, damaged or of another kind.
    """
    try:
        yield
    except InputsRefusedError:
        raise
    except MemoryError as error:
        raise InputsRefusedError("it does not fit into memory") from error
    except Exception as error:  # of scipy's, numpy's, pyarrow's and zipfile's there are many kinds
        raise InputsRefusedError(f"it is no whole {kind}: {first_line(error)}") from error
