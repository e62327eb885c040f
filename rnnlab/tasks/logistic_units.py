"""Logistic output units trained by the squared error, as of Hochreiter & Schmidhuber (1997)."""

from torch import Tensor
from torch.nn import functional as F


def units_off_by(outputs: Tensor, targets: Tensor) -> Tensor:
    """How far each unit is from 1 for the right class and 0 for the others, (batch, steps, classes).

    Args:
        outputs: What the units take the logistic function of, (batch, steps, classes).
        targets: Class numbers, (batch, steps).
    """
    return outputs.sigmoid() - F.one_hot(targets, outputs.size(2))


def imprecise(outputs: Tensor, targets: Tensor, tolerance: float) -> Tensor:
    """Where any unit is off by `tolerance` or more; bools, (batch, steps)."""
    precise = units_off_by(outputs, targets).abs() < tolerance
    return ~precise.all(dim=2)  # NaN is imprecise, too
