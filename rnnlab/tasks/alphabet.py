"""The characters that are classes, and their numbers."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

OTHER = "other"
"""The name of the last class, of all characters that are not in the alphabet."""


@dataclass(frozen=True)
class Alphabet:
    """Characters in order of their class numbers; what is none of them is of one class more.

        Alphabet("abc").numbers("cabin")  ->  2 0 1 3 3

    Args:
        characters: One or more, all different.

    Raises:
        ValueError: There is none, or one of them twice.
    """

    characters: str

    def __post_init__(self) -> None:
        if not self.characters or len(set(self.characters)) < len(self.characters):
            raise ValueError(
                f"alphabet={self.characters!r} is not one or more different characters"
            )

    @classmethod
    def of(cls, chunks: Iterable[np.ndarray]) -> Self:
        """All characters of a text in the order of their code points, which come some at a time."""
        found: set[int] = set()
        for chunk in chunks:
            found |= set(np.unique(chunk).tolist())
        return cls("".join(map(chr, sorted(found))))

    @property
    def class_names(self) -> tuple[str, ...]:
        return (*self.characters, OTHER)

    def numbers(self, text: np.ndarray | str) -> np.ndarray:
        """The class of each character of a text, or of each code point."""
        points = _code_points(text) if isinstance(text, str) else text
        return self._table.take(points, mode="clip")

    @cached_property
    def _table(self) -> np.ndarray:
        """The class of each code point up to one behind the last of the alphabet."""
        points = _code_points(self.characters)
        table = np.full(int(points.max()) + 2, len(points), np.int64)
        table[points] = np.arange(len(points))
        return table


def _code_points(text: str) -> np.ndarray:
    # A lone surrogate is no character, but may stand in a text that a user gives.
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
