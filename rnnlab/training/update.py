"""One optimizer update: forward, loss, backward, clip, step, with nothing beside them."""

import torch
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor
from torch.optim.lr_scheduler import LRScheduler

from rnnlab.cells.sequence_model import SequenceModel
from rnnlab.tasks import Batch, Task
from rnnlab.training.adam import fast_step
from rnnlab.training.clipping import Clip


class Update:
    """Updates one model; what every update needs is looked up once.

    Args:
        model: What is trained.
        task: What gives the loss.
        optimizer: Lightning's wrapper around torch's optimizer. It counts the steps that
            checkpoints go by, and costs as much as Adam.
        clip: What happens to the gradient.
        schedule: Of the learning rate, stepped after each update.
        skip_nonfinite: Leave out updates whose loss or gradient is not finite, for which a device
            must be waited for.
        recompute_steps: As `SequenceModel.forward` has it; a model of your own need not take it while it is None.
    """

    def __init__(
        self,
        model: SequenceModel,
        task: Task,
        optimizer: LightningOptimizer,
        clip: Clip,
        schedule: LRScheduler | None,
        skip_nonfinite: bool = False,
        recompute_steps: int | None = None,
    ) -> None:
        self.model, self.task, self.clip, self.schedule = model, task, clip, schedule
        self.optimizer, self.skip_nonfinite = optimizer, skip_nonfinite
        self.again = {} if recompute_steps is None else {"recompute_steps": recompute_steps}
        self.step = fast_step(optimizer.optimizer)
        self.parameters = list(model.parameters())

    def __call__(self, batch: Batch, counted: bool) -> Tensor:
        """The loss, and the gradient's norm before and after clipping, on the model's device.

        Args:
            batch: What to learn from.
            counted: Whether Lightning is to count a step.
        """
        outputs, _ = self.model(batch.inputs, last=batch.targets.size(1), **self.again)
        loss = self.task.loss(outputs, batch.targets)
        for parameter in self.parameters:
            parameter.grad = None
        loss.backward()
        norm, left = self.clip(self.parameters)
        if self.skip_nonfinite and not (loss + norm).isfinite():
            for parameter in self.parameters:
                parameter.grad = None  # which every optimizer passes over
        if counted:
            self.optimizer.step()
        else:
            self.step()
        if self.schedule is not None:
            self.schedule.step()
        return torch.stack([loss.detach(), norm, left])
