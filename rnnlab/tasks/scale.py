"""Numbers brought to mean 0 and deviation 1, and what was taken off for it."""

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from rnnlab.foundation.checks import check_float


class Scale(NamedTuple):
    """z = (x - mean) / deviation, a number of each for every feature.

    For example mean (2, 0) and deviation (0.5, 1) turn (3, 7) into (2, 7).
    """

    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    @classmethod
    def of(cls, mean: np.ndarray, variance: np.ndarray, standardize: bool = True) -> Self:
        """From the moments of the training split; a feature that never changes is divided by 1.

        Args:
            mean: Of each feature.
            variance: Of each feature; 0 where it never changes.
            standardize: False: numbers stay as they are.
        """
        if not standardize:
            return cls((0.0,) * len(mean), (1.0,) * len(mean))
        deviation = np.sqrt(np.where(variance > 0, variance, 1.0))
        return cls(tuple(mean.tolist()), tuple(deviation.tolist()))

    @classmethod
    def found(cls, mean: tuple[float, ...] | None, deviation: tuple[float, ...] | None) -> Self:
        """Of a task's own fields, which it has filled in."""
        assert mean is not None
        assert deviation is not None
        return cls(mean, deviation)

    def __call__(self, numbers: np.ndarray) -> Tensor:
        """Of numbers (..., features), in single precision; the differences are taken in double."""
        scaled = (numbers.astype(np.float64) - self.mean) / self.deviation
        return torch.from_numpy(scaled.astype(np.float32))

    def back(self, scaled: Tensor) -> Tensor:
        """The numbers (..., features) that were scaled, in double precision: a mean may be large."""
        mean, deviation = (torch.tensor(part, dtype=torch.float64) for part in self)
        return scaled.cpu().double() * deviation + mean


def check_scale(mean: Sequence[float], scale: Sequence[float], prefix: str = "") -> None:
    """Refuse what is no mean and deviation of the same features.

    Args:
        mean: Of each feature.
        scale: The deviations, which are above 0.
        prefix: Of the two names, for messages.

    Raises:
        ValueError: That names the field.
    """
    for value in mean:
        check_float(f"{prefix}mean", value)
    for value in scale:
        check_float(f"{prefix}scale", value, above=0)
    if not mean or len(mean) != len(scale):
        raise ValueError(
            f"{prefix}scale={list(scale)} are {len(scale)} numbers, and {prefix}mean has {len(mean)}"
        )
