"""The gradient of one batch's loss, clipped: all of an update that comes before the optimizer."""

import torch
from torch import Tensor

from rnnlab.cells.sequence_model import SequenceModel
from rnnlab.tasks import Batch, Task
from rnnlab.training.clipping import Clip


class Gradient:
    """Leaves the clipped gradient of a batch's loss in the parameters.

    Args:
        model: What is trained.
        task: What gives the loss.
        clip: What happens to the gradient.
        recompute_steps, tbptt: As `SequenceModel.forward` has them; a model of your own need not take one that is None.
    """

    def __init__(
        self,
        model: SequenceModel,
        task: Task,
        clip: Clip,
        recompute_steps: int | None = None,
        tbptt: int | None = None,
    ) -> None:
        self.model, self.task, self.clip = model, task, clip
        cuts = {"recompute_steps": recompute_steps, "tbptt": tbptt}
        self.cuts = {name: steps for name, steps in cuts.items() if steps is not None}
        self.parameters = list(model.parameters())

    def __call__(self, batch: Batch) -> Tensor:
        """The loss, and the gradient's norm before and after clipping, on the model's device."""
        torch.clear_autocast_cache()  # of the weights in 16 bits, as they were before the last update
        outputs, _ = self.model(batch.inputs, last=batch.targets.size(1), **self.cuts)
        loss = self.task.loss(outputs, batch.targets)
        self.drop()
        loss.backward()
        norm, left = self.clip(self.parameters)
        return torch.stack([loss.detach(), norm, left])

    def drop(self) -> None:
        """Leave no gradient, which every optimizer passes over."""
        for parameter in self.parameters:
            parameter.grad = None
