"""Sequences that are of one class each, which is told after the last step."""

from typing import ClassVar

from torch import Tensor

from rnnlab.kernels.cross_entropy import cross_entropy
from rnnlab.tasks.class_scores import mistaken, probabilities_off_by
from rnnlab.tasks.task import Task


class Classification(Task):
    """A set of labelled data: what is left of a task is to give its sequences and `class_names`.

    Targets are class numbers, (batch, 1). The loss is the cross-entropy; a sequence is wrong where its most
    probable class is not the right one. There is no error rate at which it counts as solved.
    """

    solved_below: ClassVar[None] = None  # pyrefly: ignore[bad-override]

    @property
    def output_size(self) -> int:
        assert self.class_names is not None
        return len(self.class_names)

    @property
    def answers_once(self) -> bool:
        return True

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return cross_entropy(outputs, targets)

    def errors(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return mistaken(outputs, targets)[:, 0]

    def off_by(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return probabilities_off_by(outputs, targets)

    def probabilities(self, outputs: Tensor) -> Tensor:
        return outputs.softmax(dim=2)
