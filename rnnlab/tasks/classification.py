"""Sequences that are of one class each, which is told after the last step."""

from typing import ClassVar

from rnnlab.tasks.classes import Classes


class Classification(Classes):
    """A set of labelled data: what is left of a task is to give its sequences and `class_names`.

    Targets are class numbers, (batch, 1). There is no error rate at which it counts as solved.
    """

    solved_below: ClassVar[None] = None  # pyrefly: ignore[bad-override]

    @property
    def output_size(self) -> int:
        assert self.class_names is not None
        return len(self.class_names)

    @property
    def answers_once(self) -> bool:
        return True
