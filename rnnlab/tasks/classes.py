"""Tasks whose every answer is one of several classes."""

from torch import Tensor

from rnnlab.kernels.cross_entropy import cross_entropy
from rnnlab.tasks.class_scores import mistaken, probabilities_off_by
from rnnlab.tasks.task import Task


class Classes(Task):
    """Targets are class numbers, (batch, target_len), and the loss is the mean cross-entropy over all of them.

    A sequence is wrong where the most probable class of any answer is not the right one.
    """

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return cross_entropy(outputs, targets)

    def errors(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return mistaken(outputs, targets).any(dim=1)

    def off_by(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return probabilities_off_by(outputs, targets)

    def probabilities(self, outputs: Tensor) -> Tensor:
        return outputs.softmax(dim=2)
