"""The gradient of one batch's loss, clipped: all of an update that comes before the optimizer."""

import torch
from torch import Tensor

from rnnlab.cells.sequence_model import SequenceModel
from rnnlab.tasks import Batch, Task
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
    ) -> None:
        self.model, self.task, self.clip = model, task, clip
        cuts = {"recompute_steps": recompute_steps, "tbptt": tbptt}
        self.cuts = {name: steps for name, steps in cuts.items() if steps is not None}
        self.regularizer = regularizer or NoRegularizer()
        self.regularizer.refuse_cuts(self.cuts)
        self.regularizer.refuse_model(model)
        self.parameters = list(model.parameters())

    def __call__(self, batch: Batch) -> Tensor:
        """The loss, the gradient's norm before and after clipping, and what the regularizer measures."""
        torch.clear_autocast_cache()  # of the weights in 16 bits, as they were before the last update
        self.drop()
        loss, *more = self.regularizer.backward(self.model, batch, self.task.loss, self.cuts)
        norm, left = self.clip(self.parameters)
        return torch.stack([loss, norm, left, *more])

    def drop(self) -> None:
        """Leave no gradient, which every optimizer passes over."""
        for parameter in self.parameters:
            parameter.grad = None
