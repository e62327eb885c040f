"""The gradient of one batch's loss, clipped: all of an update that comes before the optimizer."""

import torch
from torch import Tensor

from rnnlab.cells.sequence_model import SequenceModel
from rnnlab.tasks import Batch, Task
from rnnlab.training.carried import Carried
from rnnlab.training.clipping import Clip
from rnnlab.training.regularizer import NoRegularizer, Regularizer


class Gradient:
    """Leaves the clipped gradient of a batch's loss in the parameters.

    Args:
        model: What is trained.
        task: What gives the loss.
        clip: What happens to the gradient.
        recompute_steps, tbptt: As `SequenceModel.forward` has them; a model of your own need not take one that is None.
        regularizer: What is added to the gradient; by default nothing.
        carried: Where a batch begins, and what keeps where it ended; None: at the model's initial state.

    Raises:
        ValueError: If the regularizer does not go with the model, or with what is set of the two.
    """

    def __init__(
        self,
        model: SequenceModel,
        task: Task,
        clip: Clip,
        recompute_steps: int | None = None,
        tbptt: int | None = None,
        regularizer: Regularizer | None = None,
        carried: Carried | None = None,
    ) -> None:
        self.model, self.task, self.clip = model, task, clip
        cuts = {"recompute_steps": recompute_steps, "tbptt": tbptt}
        self.cuts = {name: steps for name, steps in cuts.items() if steps is not None}
        self.regularizer = regularizer or NoRegularizer()
        self.regularizer.refuse_cuts(self.cuts)
        self.regularizer.refuse_model(model)
        self.carried = carried
        self.parameters = list(model.parameters())

    def __call__(self, batch: Batch) -> Tensor:
        """The loss, the gradient's norm before and after clipping, and what the regularizer measures."""
        torch.clear_autocast_cache()  # of the weights in 16 bits, as they were before the last update
        self.drop()
        loss, *more = self._backward(batch)
        norm, left = self.clip(self.parameters)
        return torch.stack([loss, norm, left, *more])

    def _backward(self, batch: Batch) -> list[Tensor]:
        given = self.model, batch, self.task.loss, self.cuts
        if self.carried is None:
            return self.regularizer.backward(*given)[0]
        found, ends = self.regularizer.backward(*given, self.carried.states)
        self.carried.keep(ends)
        return found

    def leave_out(self) -> None:
        """Leave nothing of the last batch: no gradient, and no state, which may not be finite either."""
        self.drop()
        if self.carried is not None:
            self.carried.states = None

    def drop(self) -> None:
        """Leave no gradient, which every optimizer passes over."""
        for parameter in self.parameters:
            parameter.grad = None
