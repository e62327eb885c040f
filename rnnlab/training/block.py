"""A block of optimizer updates, made and measured as one."""

import logging
import time

import torch
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor
from torch.optim.lr_scheduler import LRScheduler

from rnnlab.cells.sequence_model import SequenceModel
from rnnlab.tasks import Task
from rnnlab.tasks.philox import Words
from rnnlab.tasks.stream import Stream
from rnnlab.training.batches import curriculum_of, training_batches
from rnnlab.training.capture import Capture
from rnnlab.training.carried import Carried
from rnnlab.training.clipping import Clip
from rnnlab.training.gradient import Gradient
from rnnlab.training.graphs import Graphs
from rnnlab.training.noise import noise_of
from rnnlab.training.regularizer import Regularizer
from rnnlab.training.settings import TrainSettings
from rnnlab.training.update import Update

log = logging.getLogger(__name__)


class DivergedError(Exception):
    """At update `step` the loss, or what it left, is not finite: the end of this run, and a result."""

    def __init__(self, step: int, what: str = "the loss") -> None:
        super().__init__(f"{what} of update {step} is not finite")
        self.step = step


class Blocks:
    """Makes the blocks of one run.

    Args:
        model: What is trained.
        task: What it is trained on.
        clip: What happens to each gradient before its update.
        regularizer: What is added to it before that; by default nothing.
        settings: How many updates, on which batches.
        seed: Of dropout, and of noise in the gradient.
    """

    def __init__(
        self,
        model: SequenceModel,
        task: Task,
        clip: Clip,
        settings: TrainSettings,
        seed: int,
        regularizer: Regularizer | None = None,
    ) -> None:
        self.settings = settings
        cuts = settings.recompute_steps, settings.tbptt
        self.stream = training_batches(task, settings)
        self.carried: Carried | None = None
        if settings.stateful:
            self.carried = Carried(model, settings.batch_size, self.stream.pass_batches)
        self.gradient = Gradient(model, task, clip, *cuts, regularizer, self.carried)
        self.graphs: Graphs | None = None
        self._told = False
        self.curriculum = curriculum_of(task, settings)
        self._streams = {task.seq_len: self.stream}
        # What an update's dropout is seeded with: of (seed, update), whatever the blocks are.
        self._dropout = Words(seed, "dropout")
        self.noise = noise_of(settings, seed)
        self._updates, self._seconds = 0, 0.0

    def stop_of(self, start: int) -> int:
        """The first update after the block that begins with update `start`."""
        return min(start + self.settings.block, self.settings.steps)

    def train_at(self, seq_len: int) -> None:
        """Make the blocks that follow of batches of this length, one of the curriculum's."""
        if seq_len not in self._streams and self.curriculum is not None:
            task, settings = self.curriculum.tasks[seq_len], self.settings
            same = settings.batch_size, settings.data_seed, "train"
            self._streams[seq_len] = Stream(task, *same)
        self.stream = self._streams[seq_len]

    def make(
        self, start: int, optimizer: LightningOptimizer, schedule: LRScheduler | None
    ) -> dict[str, float]:
        """Make the updates from number `start` up to `stop_of(start)`.

        Returns:
            `train/loss`, `train/lr`, `grad/norm`, `grad/norm_clipped` and `grad/clip_fraction`, as
            means; `perf/steps_per_second` of all blocks so far and `perf/seconds_per_update` of this
            one; of a set of data `train/epochs`, how many times so far the updates have been through the training
            split; with nonfinite="skip" `train/skipped`; and what the
            regularizer measures.

        Raises:
            DivergedError: Where a loss is not finite, and its update is not to be left out.
        """
        stop = self.stop_of(start)
        began = time.perf_counter()
        measured = self._update(start, stop, optimizer, schedule)
        seconds = time.perf_counter() - began
        skipped, measures = {}, self.gradient.regularizer.measures
        if self.settings.nonfinite == "skip":
            finite = measured.isfinite().all(dim=1)
            measured, skipped = measured[finite], {"train/skipped": (~finite).sum().item()}
        losses, norms, clipped, *more = measured.unbind(dim=1)
        if not losses.isfinite().all():
            raise DivergedError(start + int(losses.isfinite().int().argmin()) + 1)
        return {
            "train/loss": losses.mean().item(),
            "train/lr": optimizer.param_groups[0]["lr"],
            "grad/norm": norms.mean().item(),
            "grad/norm_clipped": clipped.mean().item(),
            "grad/clip_fraction": (clipped < norms).double().mean().item(),
            "perf/steps_per_second": self._speed(stop - start, seconds),
            "perf/seconds_per_update": seconds / (stop - start),
            **self._epochs(stop),
            **dict(zip(measures, (each.mean().item() for each in more), strict=True)),
            **skipped,
        }

    def _update(
        self, start: int, stop: int, optimizer: LightningOptimizer, schedule: LRScheduler | None
    ) -> Tensor:
        """Make the updates; a row of `Update`'s for each."""
        weight = self.gradient.parameters[0]
        device = weight.device
        skips = self.settings.nonfinite == "skip"
        graphs = self._graphs(device)
        update = Update(self.gradient, optimizer, schedule, skips, graphs, self.noise)
        rows = []
        batches = self.stream.batches(start, stop, device, weight.dtype)
        for step, batch in enumerate(batches, start):
            _seed(self._dropout[step], device)
            if self.carried is not None:
                self.carried.begin(step)
            rows.append(update(batch, step == stop - 1, step))
        return torch.stack(rows).cpu().double()  # waits for the device, once

    def _graphs(self, device: torch.device) -> Graphs | None:
        """What computes the gradient on CUDA, in one launch an update."""
        if device.type != "cuda" or not self.settings.cuda_graph:
            return None
        if self.carried is not None:
            self._tell_of_graphs()
            return None
        if self.graphs is None:
            self.graphs = Graphs(self.gradient, Capture())
        self.graphs.look()
        return self.graphs

    def _tell_of_graphs(self) -> None:
        if not self._told:
            self._told = True
            log.warning("the update carries a state to the next: all run without a CUDA graph")

    def _epochs(self, updates: int) -> dict[str, float]:
        examples = self.gradient.task.num_sequences("train")
        if examples is None:
            return {}
        if self.carried is not None:  # a pass leaves out what fills no row
            return {"train/epochs": updates / self.carried.batches}
        return {"train/epochs": updates * self.settings.batch_size / examples}

    def _speed(self, updates: int, seconds: float) -> float:
        """Updates a second since training began in this process, with a block more."""
        self._updates, self._seconds = self._updates + updates, self._seconds + seconds
        return self._updates / self._seconds


def _seed(seed: int, device: torch.device) -> None:
    """Do what torch.manual_seed does, which first notes for each absent device who called it."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.default_generators[device.index or 0].manual_seed(seed)
    elif device.type != "cpu":
        torch.manual_seed(seed)
