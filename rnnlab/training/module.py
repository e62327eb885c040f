"""Training as a Lightning module: updates in blocks, clipped, measured, stopped when solved.

Lightning's own step, `training_step`, here makes a whole block of optimizer updates and looks at
the numbers once, so that neither Lightning nor a logger costs anything per update. A global step of
Lightning's is such a block; an epoch of Lightning's is the stretch between two validations, and
checkpoints are written at its end.
"""

import itertools
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from rnnlab.cells.sequence_model import SequenceModel
from rnnlab.foundation.checks import check_seed
from rnnlab.foundation.statistics import wilson
from rnnlab.tasks import Batch, Task
from rnnlab.tasks.score import Score
from rnnlab.tasks.stream import Stream, philox_words
from rnnlab.training.checkpoints import FORMAT
from rnnlab.training.clipping import Clip
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


class TrainingModule(pl.LightningModule):
    """One model on one task.

    Metrics go to the logger under the number of updates made so far: `train/loss`, `train/lr`,
    `grad/norm` (before clipping), `grad/norm_clipped` and `grad/clip_fraction` as means over each
    block, `perf/seconds_per_update` of the block and `perf/steps_per_second` of all blocks so far,
    and `val/loss`, `val/error` and the task's scores at each validation.

    Args:
        model: What is trained.
        task: What it is trained on.
        optimizer: Makes the optimizer from the parameters.
        clip: What happens to each gradient before its update.
        schedule: Makes a learning-rate schedule from the optimizer, stepped at every update.
        train: How long and on what.
        evaluation: What it is scored on.
        seed: Of dropout.

    Raises:
        ValueError: For a length that the task refuses, or too few test sequences to show an error
            rate below the task's `solved_below`.
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
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.model = model
        self.task = task
        self.make_optimizer = optimizer
        self.make_schedule = schedule
        self.clip = clip
        self.train_settings = train or TrainSettings()
        self.eval_settings = evaluation or EvalSettings()
        self.seed = check_seed("seed", seed)
        _check_enough(self.eval_settings.sequences, task.solved_below)
        self.tests = [task, *(_at_length(task, n) for n in self.eval_settings.lengths)]
        self.updates = 0
        self.solved_at: int | None = None
        self.tested_at: int | None = None  # updates behind the weights that are tested
        self.recent: dict[str, float] = {}  # the newest value of every metric
        self.origin: dict[str, Any] = {}  # plain types that go into every checkpoint
        self.changed: set[str] = set()  # settings of the optimizer that a resume has changed
        self._speed = Speed()
        self._score = Score()
        self._test_scores = [Score() for _ in self.tests]

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
        if self.changed:  # a checkpoint restores what it had
            loaded: Any = self.optimizers()
            asked = self.make_optimizer(self.model.parameters())
            for group, new in zip(loaded.param_groups, asked.param_groups, strict=True):
                group.update({key: new[key] for key in self.changed & new.keys()})
        # A run that was killed after it had been stopped as solved is resumed to be tested only.
        if self.solved_at is not None and self.train_settings.stop_when_solved:
            self.trainer.should_stop = True

    def training_step(self, start: int) -> None:
        stop = min(start + self.train_settings.block, self.train_settings.steps)
        # Dropout too is a function of (seed, update): a resumed run draws what it would have drawn.
        self._seed(int(philox_words(self.seed, "dropout", start, 1)[0]))
        began = time.perf_counter()
        optimizer: Any = self.optimizers()
        skips = self.train_settings.nonfinite == "skip"
        schedule = self._schedule_of_updates()
        update = Update(self.model, self.task, optimizer, self.clip, schedule, skips)
        measured = torch.stack(
            [
                update(batch, counted=step == stop - 1)
                for step, batch in enumerate(self._batches(start, stop), start)
            ]
        )
        measured = measured.cpu().double()  # waits for the device, once
        seconds = time.perf_counter() - began
        skipped = {}
        if skips:
            made = measured.isfinite().all(dim=1)
            measured, skipped = measured[made], {"train/skipped": (~made).sum().item()}
        losses, norms, left = measured.unbind(dim=1)
        if not losses.isfinite().all():
            raise DivergedError(start + int(losses.isfinite().int().argmin()) + 1)
        self.updates = stop
        metrics = {
            "train/loss": losses.mean().item(),
            "train/lr": optimizer.param_groups[0]["lr"],
            "grad/norm": norms.mean().item(),
            "grad/norm_clipped": left.mean().item(),
            "grad/clip_fraction": (left < norms).double().mean().item(),
            "perf/steps_per_second": self._speed.after(stop - start, seconds),
            "perf/seconds_per_update": seconds / (stop - start),
            **skipped,
        }
        self.record(metrics)

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
        stream = self._stream("train")
        batches = (stream.batch(n, self.device, self._float()) for n in range(start, stop))
        while few := list(islice(batches, 10 if self.device.type == "cpu" else 1)):
            yield from few

    def val_dataloader(self) -> range:
        return _chunks(self.eval_settings.val_sequences, self.eval_settings.batch_size)

    def on_validation_epoch_start(self) -> None:
        self._score = Score()

    def validation_step(self, start: int) -> None:
        self._add(self._score, self.task, "val", start, self.eval_settings.val_sequences)

    def on_validation_epoch_end(self) -> None:
        metrics = self._score.means("val")
        if self.train_settings.nonfinite != "skip":
            self._refuse_nonfinite(metrics["val/loss"])
        self.record(metrics)
        schedule = self.lr_schedulers()
        if isinstance(schedule, ReduceLROnPlateau):
            schedule.step(metrics["val/loss"])
        passed = metrics["val/error"] < self.task.solved_below
        if passed and self.solved_at is None and self._confirmed():
            self.solved_at = self.updates
        solved = passed and self.solved_at is not None
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
        loss = metrics["val/loss"]
        wrong = metrics["val/error"] * self.eval_settings.val_sequences
        return round(wrong) + loss / (1 + loss) - solved * (1 + self.eval_settings.val_sequences)

    def _confirmed(self) -> bool:
        """Whether fresh sequences, as many as the test's, leave no doubt that the task is solved.

        Validation looks often, so that it would in the end be lucky. What counts is the upper end
        of Wilson's 95 % interval of the error rate on sequences of their own.
        """
        score, count = Score(), self.eval_settings.sequences
        for start in _chunks(count, self.eval_settings.batch_size):
            self._add(score, self.task, "confirm", start, count)
            if score.sums["error"] >= count * self.task.solved_below:
                return False
        return wilson(int(score.sums["error"]), count)[1] < self.task.solved_below

    def test_dataloader(self) -> list[range]:
        chunks = _chunks(self.eval_settings.sequences, self.eval_settings.batch_size)
        return [chunks for _ in self.tests]

    def on_test_epoch_start(self) -> None:
        self._test_scores = [Score() for _ in self.tests]

    def test_step(self, start: int, batch_idx: int, dataloader_idx: int = 0) -> None:
        task, score = self.tests[dataloader_idx], self._test_scores[dataloader_idx]
        self._add(score, task, "test", start, self.eval_settings.sequences)

    def on_test_epoch_end(self) -> None:
        metrics = self._test_scores[0].means("test")
        metrics["test/loss_over_chance"] = metrics["test/loss"] / self.task.chance
        metrics["test/solved"] = float(metrics["test/error"] < self.task.solved_below)
        if metrics["test/solved"]:
            reached = (self.solved_at, self.tested_at, self.updates)
            metrics["steps_to_solve"] = next(step for step in reached if step is not None)
        others = zip(self.eval_settings.lengths, self.tests[1:], self._test_scores[1:], strict=True)
        for length, task, score in others:
            metrics |= score.means(f"length/{length}")
            metrics[f"length/{length}/loss_over_chance"] = (
                metrics[f"length/{length}/loss"] / task.chance
            )
        self.record(metrics)

    def record(self, metrics: Mapping[str, float]) -> None:
        """Log the finite ones of these under the number of updates made; no store holds infinity."""
        finite = {name: float(value) for name, value in metrics.items() if math.isfinite(value)}
        self.recent |= finite
        for logger in self.loggers:
            logger.log_metrics(finite, step=self.updates)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        state = {"format": FORMAT, "updates": self.updates, "solved_at": self.solved_at}
        checkpoint["rnnlab"] = state | self.origin

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.updates = checkpoint["rnnlab"]["updates"]
        self.solved_at = checkpoint["rnnlab"]["solved_at"]
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

    def _add(self, score: Score, task: Task, stream: str, start: int, count: int) -> None:
        """Score the sequences from number `start` on, of `count` in all."""
        settings = self.eval_settings
        source = Stream(task, settings.batch_size, settings.seed, stream)
        batch = source.batch(start // settings.batch_size, self.device, self._float())
        inputs, targets = (x[: count - start] for x in batch)
        outputs, _ = self.model(inputs, last=targets.size(1))
        score.add(task, outputs, targets)

    def _stream(self, name: str) -> Stream:
        settings = self.train_settings
        return Stream(self.task, settings.batch_size, settings.data_seed, name)

    def _float(self) -> torch.dtype:
        return next(self.model.parameters()).dtype

    def _schedule_of_updates(self) -> LRScheduler | None:
        schedule: Any = self.lr_schedulers()
        return None if isinstance(schedule, ReduceLROnPlateau) else schedule


def _chunks(count: int, size: int) -> range:
    return range(0, count, size)


def _at_length(task: Task, seq_len: int) -> Task:
    try:
        return task.at_length(seq_len)
    except ValueError as error:
        raise ValueError(f"eval.lengths={seq_len}: {error}") from error


def _check_enough(sequences: int, solved_below: float) -> None:
    if wilson(0, sequences)[1] >= solved_below:
        needed = next(n for n in itertools.count(sequences) if wilson(0, n)[1] < solved_below)
        raise ValueError(
            f"eval.sequences={sequences} cannot show an error rate below {solved_below:.3g}: "
            f"at least {needed}"
        )
