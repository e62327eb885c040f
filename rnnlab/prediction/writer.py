"""What every writer of answers does, whatever its format."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np


class Writer(ABC):
    """Takes the answers to one sequence after another, each in pieces.

    For each sequence `begin`, `add` for some of its steps after another, `end`; after the last, `close`.
    """

    @abstractmethod
    def begin(self, name: str) -> None:
        """A sequence of this name follows."""

    @abstractmethod
    def add(self, first: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Answers to some of its steps, from number `first` on; each (steps, ...)."""

    @abstractmethod
    def end(self) -> None:
        """The sequence has no more."""

    @abstractmethod
    def close(self) -> None:
        """There are no more sequences; what is left is written."""

    def drop(self) -> None:  # noqa: B027 most hold nothing
        """Nothing will come of it, as something has been raised: let go of what is held."""
