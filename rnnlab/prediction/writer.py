"""What every writer of answers does, whatever its format."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np


class Writer(ABC):
    """Takes the answers to one sequence after another, each in pieces.

        writer.begin("a")
        writer.add(0, {"outputs": ...})      steps 0 to 63
        writer.add(64, {"outputs": ...})     the steps that follow
        writer.end()
        writer.close()                       after the last sequence
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

    def drop(self) -> None:
        """Nothing will come of it, as something has been raised: let go of what is held."""
