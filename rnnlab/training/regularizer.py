"""What is added to the gradient of the loss, before it is clipped."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar

from torch import Tensor

from rnnlab.cells.cell import State
from rnnlab.cells.sequence_model import SequenceModel
from rnnlab.tasks import Batch, Task


class Regularizer(ABC):
    """Leaves in a model's parameters the gradient of a loss, and of a term of its own."""

    measures: ClassVar[tuple[str, ...]] = ()
    """Names under which a run logs what it measures, means over a block of updates."""

    takes_whole_sequences: ClassVar[bool] = False
    """Whether it needs the gradient of every step, so that neither `recompute_steps` nor `tbptt` goes with it."""

    def refuse_cuts(self, cuts: Mapping[str, int]) -> None:
        """See that it goes with `recompute_steps` or `tbptt`, where one is set.

        Raises:
            ValueError: If it does not.
        """
        if self.takes_whole_sequences and cuts:
            name, steps = next(iter(cuts.items()))
            raise ValueError(
                f"train.{name}={steps} does not go with the regularizer {type(self).__name__}, which takes "
                "the derivative of the loss at every step"
            )

    def refuse_task(self, task: Task) -> None:
        """See that it goes with the task, which may be sampled for that.

        Raises:
            ValueError: If it needs the gradient of every step, and the sequences of a batch have lengths of their own.
        """
        if self.takes_whole_sequences and task.has_lengths:
            raise ValueError(
                f"the regularizer {type(self).__name__} takes the derivative of the loss at every step, and the "
                f"sequences of a batch of task {type(task).__name__} have different lengths"
            )

    def refuse_model(self, model: SequenceModel) -> None:
        """See that it goes with the model.

        Raises:
            ValueError: If it does not.
        """
        return

    @abstractmethod
    def backward(
        self,
        model: SequenceModel,
        batch: Batch,
        loss_of: Callable[[Tensor, Tensor], Tensor],
        cuts: Mapping[str, int],
        states: list[State] | None = None,
    ) -> tuple[list[Tensor], list[State]]:
        """The loss, without a term of its own, then what `measures` names, all scalars; and each layer's last state.

        Args:
            model: Whose parameters have no gradient yet.
            batch: What to learn from.
            loss_of: From outputs and targets.
            cuts: As `SequenceModel.forward` has `recompute_steps` and `tbptt`, those that are set.
            states: Where each layer starts; its initial state by default.
        """


class NoRegularizer(Regularizer):
    """Adds nothing."""

    def backward(
        self,
        model: SequenceModel,
        batch: Batch,
        loss_of: Callable[[Tensor, Tensor], Tensor],
        cuts: Mapping[str, int],
        states: list[State] | None = None,
    ) -> tuple[list[Tensor], list[State]]:
        begun = {} if states is None else {"states": states}
        outputs, ends = model(batch.inputs, **batch.answered, **cuts, **begun)
        loss = loss_of(outputs, batch.targets)
        loss.backward()
        return [loss.detach()], ends
