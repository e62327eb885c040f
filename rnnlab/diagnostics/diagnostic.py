"""What every diagnostic is: figures and arrays measured on a model, and a way to draw them."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, NamedTuple

import numpy as np
from matplotlib.axes import Axes

from rnnlab.diagnostics.probe import Probe

Arrays = Mapping[str, np.ndarray]


class Measurement(NamedTuple):
    """What one look at a model gave; empty where the diagnostic has no meaning for it."""

    metrics: dict[str, float]  # by metric name
    arrays: dict[str, np.ndarray]  # of the same shapes at every look


class Diagnostic(ABC):
    """A question asked of a model through the `step` of its cells, without changing it.

    A diagnostic is a frozen dataclass: its fields are the choices of its yaml, checked in
    `__post_init__` (ValueError with the name, the value and what is allowed). It draws no random
    numbers but the probe's, so that the same weights always give the same answer.
    """

    reported: ClassVar[Mapping[str, str]] = {}
    """Which of its metrics a comparison of runs shows, each with the name of its column.

    Where one may be a lower bound, see `rnnlab.foundation.censored`.
    """

    takes_lengths: ClassVar[bool] = False
    """Whether it goes with a task whose batches have `lengths`; one that follows each step does not."""

    @abstractmethod
    def measure(self, probe: Probe) -> Measurement:
        """The answer for the model as it is now."""

    @abstractmethod
    def draw(self, axes: Axes, first: Arrays, last: Arrays) -> None:
        """Show the arrays of the first look, before training, in grey, and of the last in blue."""
