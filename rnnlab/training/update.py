"""One optimizer update: forward, loss, backward, clip, step, and the bounds of a cell's weights."""

from collections.abc import Callable

from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor
from torch.optim.lr_scheduler import LRScheduler

from rnnlab.cells.cell import Cell
from rnnlab.tasks import Batch
from rnnlab.training.adam import fast_step
from rnnlab.training.gradient import Gradient
from rnnlab.training.noise import GradientNoise


class Update:
    """Updates one model; what every update needs is looked up once.

    Args:
        gradient: Of the model's loss.
        optimizer: Lightning's wrapper around torch's optimizer. It counts the steps that
            checkpoints go by, and costs as much as Adam.
        schedule: Of the learning rate, stepped after each update.
        skip_nonfinite: Leave out updates whose loss or gradient is not finite, for which a device
            must be waited for.
        noise: What each gradient gets before its update; by default nothing.
        compute: What makes the gradient in place of `gradient` itself, as a graph of it does.
    """

    def __init__(
        self,
        gradient: Gradient,
        optimizer: LightningOptimizer,
        schedule: LRScheduler | None,
        skip_nonfinite: bool = False,
        compute: Callable[[Batch], Tensor] | None = None,
        noise: GradientNoise | None = None,
    ) -> None:
        self.gradient, self.compute = gradient, compute or gradient
        self.optimizer, self.schedule = optimizer, schedule
        self.skip_nonfinite, self.noise = skip_nonfinite, noise
        self.step = fast_step(optimizer.optimizer)
        cells = (part for part in gradient.model.modules() if isinstance(part, Cell))
        self.constrained = [c for c in cells if type(c).constrain is not Cell.constrain]

    def __call__(self, batch: Batch, counted: bool, number: int = 0) -> Tensor:
        """The loss, and the gradient's norm before and after clipping, on the model's device.

        Args:
            batch: What to learn from.
            counted: Whether Lightning is to count a step.
            number: Of the update, by which its noise goes.
        """
        measured = self.compute(batch)
        if self.skip_nonfinite and not measured[:2].isfinite().all():
            self.gradient.leave_out()
        if self.noise is not None:
            self.noise.add(self.gradient.parameters, number)
        if counted:
            self.optimizer.step()
        else:
            self.step()
        for cell in self.constrained:
            cell.constrain()
        if self.schedule is not None:
            self.schedule.step()
        return measured
