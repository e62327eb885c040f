"""Training as a Lightning module: updates in blocks, clipped, measured, stopped when solved.

Lightning's own step, `training_step`, here makes a whole block of optimizer updates and looks at
the numbers once, so that neither Lightning nor a logger costs anything per update. A global step of
Lightning's is such a block; an epoch of Lightning's is the stretch between two validations, and
checkpoints are written at its end.
"""

import math
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from rnnlab.cells.sequence_model import SequenceModel
from rnnlab.foundation.checks import check_seed
from rnnlab.tasks import Batch, Task
from rnnlab.tasks.stream import Stream, philox_words
from rnnlab.training.checkpoints import FORMAT
from rnnlab.training.clipping import Clip
from rnnlab.training.evaluation import Evaluation
from rnnlab.training.settings import EvalSettings, TrainSettings
from rnnlab.training.update import Update


class DivergedError(Exception):
    """At update `step` the loss, or what it left, is not finite: the end of this run, and a result."""

    def __init__(self, step: int, what: str = "the loss") -> None:
        super().__init__(f"{what} of update {step} is not finite")
        self.step = step


class Speed:
    """Updates a second since training began in this process, or went on in it."""

    def __init__(self) -> None:
        self.updates = 0
        self.seconds = 0.0

    def after(self, updates: int, seconds: float) -> float:
        """The speed, with a block more."""
        self.updates += updates
        self.seconds += seconds
        return self.updates / self.seconds


class Position(NamedTuple):
    """How far training has come: the updates made, and at which of them the task was solved."""

    updates: int = 0
    solved_at: int | None = None


class TrainingModule(pl.LightningModule):
    """One model on one task.

    Metrics go to the logger under the number of updates made so far: `train/loss`, `train/lr`,
    `grad/norm` (before clipping), `grad/norm_clipped` and `grad/clip_fraction` as means over each
    block, `perf/seconds_per_update` of the block and `perf/steps_per_second` of all blocks so far,
    and those of `Evaluation` at each validation and at the test.

    Args:
        model: What is trained.
        task: What it is trained on.
        optimizer: Makes the optimizer from the parameters.
        clip: What happens to each gradient before its update.
        schedule: Makes a learning-rate schedule from the optimizer, stepped at every update.
        train: How long and on what.
        evaluation: What it is scored on.
        seed: Of dropout.
        origin: Plain types that go into every checkpoint, beside how far training has come.
        changed: Settings of the optimizer that a resume has changed: a checkpoint has the old ones.

    Raises:
        ValueError: As `Evaluation` does.
        DivergedError: From training, where a loss is not finite.
    """

    def __init__(
        self,
        model: SequenceModel,
        task: Task,
        optimizer: Callable[[Iterable[Tensor]], Optimizer],
        clip: Clip,
        schedule: Callable[[Optimizer], LRScheduler] | None = None,
        train: TrainSettings | None = None,
        evaluation: EvalSettings | None = None,
        seed: int = 0,
        origin: Mapping[str, Any] | None = None,
        changed: Collection[str] = (),
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.model = model
        self.task = task
        self.make_optimizer = optimizer
        self.make_schedule = schedule
        self.clip = clip
        self.train_settings = train or TrainSettings()
        self.evaluation = Evaluation(task, evaluation or EvalSettings())
        self.seed = check_seed("seed", seed)
        self.origin, self.changed = dict(origin or {}), frozenset(changed)
        self.position = Position()
        self.tested_at: int | None = None  # updates behind the weights that are tested
        self.recent: dict[str, float] = {}  # the newest value of every metric
        self._speed = Speed()
        self._validated: dict[str, float] = {}

    @property
    def updates(self) -> int:
        """Updates made so far."""
        return self.position.updates

    def configure_optimizers(self) -> Any:
        optimizer = self.make_optimizer(self.model.parameters())
        if self.make_schedule is None:
            return optimizer
        return [optimizer], [self.make_schedule(optimizer)]

    def train_dataloader(self) -> range:
        """The first update of each block up to the next validation."""
        settings = self.train_settings
        validations = self.updates // settings.val_every
        stop = min((validations + 1) * settings.val_every, settings.steps)
        return range(self.updates, stop, settings.block)

    def on_train_start(self) -> None:
        if self.changed:
            loaded: Any = self.optimizers()
            wanted = self.make_optimizer(self.model.parameters())
            for group, new in zip(loaded.param_groups, wanted.param_groups, strict=True):
                group.update({key: new[key] for key in self.changed & new.keys()})
        # A run that was killed after it had been stopped as solved is resumed to be tested only.
        if self.position.solved_at is not None and self.train_settings.stop_when_solved:
            self.trainer.should_stop = True

    def training_step(self, start: int) -> None:
        stop = min(start + self.train_settings.block, self.train_settings.steps)
        # Dropout too is a function of (seed, update): a resumed run draws what it would have drawn.
        self._seed(int(philox_words(self.seed, "dropout", start, 1)[0]))
        began = time.perf_counter()
        measured = self._block(start, stop)
        seconds = time.perf_counter() - began
        metrics = self._means(measured, start)
        self.position = self.position._replace(updates=stop)
        metrics["perf/steps_per_second"] = self._speed.after(stop - start, seconds)
        metrics["perf/seconds_per_update"] = seconds / (stop - start)
        self.record(metrics)

    def _block(self, start: int, stop: int) -> Tensor:
        """Make the updates from `start` up to `stop`; a row each of what `Update` returns."""
        optimizer: Any = self.optimizers()
        skips = self.train_settings.nonfinite == "skip"
        schedule = self._schedule_of_updates()
        update = Update(self.model, self.task, optimizer, self.clip, schedule, skips)
        rows = [
            update(batch, counted=step == stop - 1)
            for step, batch in enumerate(self._batches(start, stop), start)
        ]
        return torch.stack(rows).cpu().double()  # waits for the device, once

    def _means(self, measured: Tensor, start: int) -> dict[str, float]:
        """Of a block's updates, the first of which is number `start`.

        Raises:
            DivergedError: Where one has a loss that is not finite, and is not left out.
        """
        optimizer: Any = self.optimizers()
        skipped = {}
        if self.train_settings.nonfinite == "skip":
            finite = measured.isfinite().all(dim=1)
            measured, skipped = measured[finite], {"train/skipped": (~finite).sum().item()}
        losses, norms, clipped = measured.unbind(dim=1)
        if not losses.isfinite().all():
            raise DivergedError(start + int(losses.isfinite().int().argmin()) + 1)
        return {
            "train/loss": losses.mean().item(),
            "train/lr": optimizer.param_groups[0]["lr"],
            "grad/norm": norms.mean().item(),
            "grad/norm_clipped": clipped.mean().item(),
            "grad/clip_fraction": (clipped < norms).double().mean().item(),
            **skipped,
        }

    def _seed(self, seed: int) -> None:
        """What torch.manual_seed does, which first writes down for each absent device who asked."""
        if self.device.type == "cpu":
            torch.default_generator.manual_seed(seed)
        else:
            torch.manual_seed(seed)

    def _batches(self, start: int, stop: int) -> Iterator[Batch]:
        """Those of the updates from `start` up to `stop`.

        On the CPU a few at once, while what makes them is in its caches; on a device each while
        the device is busy with the one before.
        """
        settings = self.train_settings
        stream = Stream(self.task, settings.batch_size, settings.data_seed, "train")
        dtype = next(self.model.parameters()).dtype
        batches = (stream.batch(number, self.device, dtype) for number in range(start, stop))
        while few := list(islice(batches, 10 if self.device.type == "cpu" else 1)):
            yield from few

    def val_dataloader(self) -> range:
        return range(1)  # all of a validation in one step

    def validation_step(self, batch: int) -> None:
        self._validated = self.evaluation.validate(self.model)

    def on_validation_epoch_end(self) -> None:
        metrics = self._validated
        if self.train_settings.nonfinite != "skip":
            self._refuse_nonfinite(metrics["val/loss"])
        self.record(metrics)
        schedule = self.lr_schedulers()
        if isinstance(schedule, ReduceLROnPlateau):
            schedule.step(metrics["val/loss"])
        solved = metrics["val/error"] < self.task.solved_below
        if solved and self.position.solved_at is None:
            solved = self.evaluation.confirms_solved(self.model)
            if solved:
                self.position = self.position._replace(solved_at=self.updates)
        self.log("rank", self._rank(metrics, solved), logger=False)  # where ModelCheckpoint looks
        if solved and self.train_settings.stop_when_solved:
            self.trainer.should_stop = True

    def _refuse_nonfinite(self, loss: float) -> None:
        """No training loss has yet told what the last update did, and a checkpoint is to follow."""
        weights = all(weight.isfinite().all() for weight in self.model.parameters())
        if not (weights and math.isfinite(loss)):
            raise DivergedError(self.updates, "what is left")

    def _rank(self, metrics: Mapping[str, float], solved: bool) -> float:
        """Lower is better: solved before unsolved, then fewer wrong sequences, then a lower loss."""
        loss, sequences = metrics["val/loss"], self.evaluation.settings.val_sequences
        wrong = round(metrics["val/error"] * sequences)
        return wrong + loss / (1 + loss) - solved * (1 + sequences)

    def test_dataloader(self) -> range:
        return range(1)  # all of the test in one step

    def test_step(self, batch: int) -> None:
        metrics = self.evaluation.test(self.model)
        if metrics["test/solved"]:
            reached = (self.position.solved_at, self.tested_at, self.updates)
            metrics["steps_to_solve"] = next(step for step in reached if step is not None)
        self.record(metrics)

    def record(self, metrics: Mapping[str, float]) -> None:
        """Log the finite ones of these under the number of updates made; no store holds infinity."""
        finite = {name: float(value) for name, value in metrics.items() if math.isfinite(value)}
        self.recent |= finite
        for logger in self.loggers:
            logger.log_metrics(finite, step=self.updates)

    def mark_diverged(self, error: DivergedError) -> None:
        """What is recorded from here on is recorded under the update that diverged."""
        self.position = self.position._replace(updates=error.step)

    def load_tested(self, checkpoint: Mapping[str, Any]) -> None:
        """The weights of a checkpoint, which are to be tested."""
        self.load_state_dict(checkpoint["state_dict"])
        self.tested_at = checkpoint["rnnlab"]["updates"]

    def go_back_to(self, position: Position, weights: Mapping[str, Tensor]) -> None:
        """Be again where training was."""
        self.position = position
        self.load_state_dict(weights)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["rnnlab"] = {"format": FORMAT, **self.position._asdict(), **self.origin}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        own = checkpoint["rnnlab"]
        self.position = Position(own["updates"], own["solved_at"])
        # Where Lightning's loops stand follows from the updates alone, in mid-epoch too.
        checkpoint["loops"]["fit_loop"] = self._fit_loop()

    def _fit_loop(self) -> dict[str, Any]:
        """The state of Lightning's loop, with as many epochs and steps done as the updates say."""
        settings = self.train_settings
        epochs = -(-self.updates // settings.val_every)
        if self.updates < settings.steps:
            epochs = self.updates // settings.val_every  # one that has only begun begins again
        state = self.trainer.fit_loop.state_dict()
        for counts in state["epoch_progress"].values():
            counts.update(dict.fromkeys(counts, epochs))
        steps = state["epoch_loop.manual_optimization.optim_step_progress"]["total"]
        steps.update(dict.fromkeys(steps, -(-self.updates // settings.block)))
        return state

    def _schedule_of_updates(self) -> LRScheduler | None:
        schedule: Any = self.lr_schedulers()
        return None if isinstance(schedule, ReduceLROnPlateau) else schedule
