"""The characters of UTF-8 text by their number, where the text may be larger than memory."""

import codecs
from collections.abc import Iterator

import numpy as np

BLOCK = 2**12
"""Bytes between two places of the index."""
CHUNK = 2**18
"""Bytes, or characters, that are looked at together: whole blocks."""


class Utf8Text:
    """A text whose bytes lie in memory or in a memory map; only what is asked for is decoded.

    A character has one to four bytes, of which the first alone does not begin with the bits 10. An
    index says how many characters begin before each block of 4096 bytes (8 bytes for 4096), so that
    character n is found by a search in the index and a look into one block.

        Utf8Text(np.frombuffer("naïve".encode(), np.uint8)).code_points(1, 4)  ->  [97, 239, 118]

    Args:
        data: The bytes; they are read once from end to end.

    Raises:
        UnicodeDecodeError: They are no UTF-8; `start` is the place of the first wrong byte.
    """

    def __init__(self, data: np.ndarray) -> None:
        self._data = data
        counts = [np.zeros(1, np.int64)]
        decoder = codecs.getincrementaldecoder("utf-8")()
        for at in range(0, len(data), CHUNK):
            chunk = data[at : at + CHUNK]
            _check(decoder, chunk, at, at + CHUNK >= len(data))
            counts.append(
                np.add.reduceat(_begins(chunk), range(0, len(chunk), BLOCK), dtype=np.int64)
            )
        self._before = np.concatenate(counts).cumsum()

    @property
    def size(self) -> int:
        """Characters."""
        return int(self._before[-1])

    def bytes(self, first: int, stop: int) -> np.ndarray:
        """The bytes of the characters from number `first` up to `stop`."""
        return self._data[self._place(first) : self._place(stop)]

    def code_points(self, first: int, stop: int) -> np.ndarray:
        """The characters from number `first` up to `stop`, (stop - first,)."""
        found = self.bytes(first, stop)
        if len(found) == stop - first:  # all of them ASCII
            return found
        return np.frombuffer(found.tobytes().decode("utf-8").encode("utf-32-le"), "<u4")

    def chunks(self, characters: range) -> Iterator[np.ndarray]:
        """The same of many characters, some of them at a time."""
        for first in range(characters.start, characters.stop, CHUNK):
            yield self.code_points(first, min(first + CHUNK, characters.stop))

    def _place(self, character: int) -> int:
        """The place of a character's first byte."""
        if self.size == len(self._data):  # all of them ASCII
            return character
        if character == self.size:
            return len(self._data)
        block = int(np.searchsorted(self._before, character, side="right")) - 1
        start = block * BLOCK
        begins = np.flatnonzero(_begins(self._data[start : start + BLOCK]))
        return start + int(begins[character - self._before[block]])


def _begins(data: np.ndarray) -> np.ndarray:
    """Which bytes are the first of a character."""
    return (data & 0xC0) != 0x80


def _check(decoder: codecs.IncrementalDecoder, chunk: np.ndarray, at: int, last: bool) -> None:
    """Decode some bytes, which stand at place `at`, for what may be wrong with them."""
    kept = decoder.getstate()[0]  # the beginning of a character, from the chunk before
    try:
        decoder.decode(chunk.tobytes(), last)
    except UnicodeDecodeError as error:
        error.start += at - len(kept)
        raise
