"""How the classes that a cross-entropy is taken of are scored."""

from torch import Tensor
from torch.nn import functional as F


def mistaken(outputs: Tensor, targets: Tensor) -> Tensor:
    """Where the most probable class is not the right one; bools, (batch, steps).

    Args:
        outputs: (batch, steps, classes).
        targets: Class numbers, (batch, steps).
    """
    # argmax takes a NaN for the largest, which may happen to stand at the right class.
    return (outputs.argmax(dim=2) != targets) | outputs.isnan().any(dim=2)


def probabilities_off_by(outputs: Tensor, targets: Tensor) -> Tensor:
    """The probability of each class minus 1 for the right one, (batch, steps, classes)."""
    return outputs.softmax(dim=2) - F.one_hot(targets, outputs.size(2))
