"""A sequence from a text or a recording, as the task encodes it."""

import codecs
import io
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import IO

import numpy as np
from scipy.io import wavfile
from torch import Tensor

from rnnlab.foundation.masking import first_line
from rnnlab.prediction.inputs import InputsRefusedError, refuse_shape
from rnnlab.prediction.source import InputSequence, Source, reading
from rnnlab.tasks import Task

LETTERS = 2**12
"""Of a text that are encoded at once."""


def read_text(file: IO[bytes], task: Task) -> Source:
    """UTF-8, letter by letter."""
    return Source(False, iter([InputSequence("0", _encoded(file, task), encoded=True)]))


def _encoded(file: IO[bytes], task: Task) -> Iterator[np.ndarray]:
    decoder, more, empty = codecs.getincrementaldecoder("utf-8")(), True, True
    while more:
        data = file.read1(LETTERS)  # pyrefly: ignore[missing-attribute]  of what open() gives
        more = bool(data)
        with reading("UTF-8 text"):
            text = decoder.decode(data, final=not more)
        if text:
            yield _inputs(partial(task.encode_text, text), task)
            empty = False
    if empty:
        raise InputsRefusedError("it is empty")


def read_wav(file: IO[bytes], task: Task) -> Source:
    """Whole, for a task may encode a recording by its frames, or as one spectrum."""
    with reading(".wav file"), warnings.catch_warnings():
        warnings.simplefilter("error", wavfile.WavFileWarning)  # as of one that ends too early
        unread = ".*not understood"  # titles and dates
        warnings.filterwarnings("ignore", unread, wavfile.WavFileWarning)
        rate, samples = wavfile.read(io.BytesIO(file.read()))
    if not samples.size:
        raise InputsRefusedError("it is empty")
    if samples.ndim == 1:
        samples = samples[:, np.newaxis]
    inputs = _inputs(partial(task.encode_sound, _between_ones(samples), rate), task)
    return Source(False, iter([InputSequence("0", iter([inputs]), encoded=True)]))


def _between_ones(samples: np.ndarray) -> np.ndarray:
    """float32 in [-1, 1): whole numbers as fractions of the largest that their type has."""
    if samples.dtype.kind == "f":
        return samples.astype(np.float32)
    if samples.dtype.kind == "u":  # 8 bits, whose silence is 128
        half = 2.0 ** (8 * samples.itemsize - 1)
        return ((samples - half) / half).astype(np.float32)
    return (samples / 2.0 ** (8 * samples.itemsize - 1)).astype(np.float32)


def _inputs(encode: Callable[[], Tensor], task: Task) -> np.ndarray:
    try:
        inputs = encode().detach().cpu().numpy()
    except ValueError as error:
        raise InputsRefusedError(first_line(error)) from error
    refuse_shape(inputs.shape, task.input_size)
    return inputs
