"""Training as a Lightning module: updates in blocks, clipped, measured, stopped when solved.

Lightning's own step, `training_step`, here makes a whole block of optimizer updates and looks at
the numbers once, so that neither Lightning nor a logger costs anything per update. A global step of
Lightning's is such a block; an epoch of Lightning's is the stretch between two validations, and
checkpoints are written at its end.
"""

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import pytorch_lightning as pl
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from rnnlab.cells.cell import State
from rnnlab.cells.sequence_model import SequenceModel
from rnnlab.foundation.checks import check_seed
from rnnlab.tasks import Task
from rnnlab.training.block import Blocks, DivergedError
from rnnlab.training.checkpoints import FORMAT
from rnnlab.training.clipping import Clip, NoClip
from rnnlab.training.evaluation import Evaluation, rank
from rnnlab.training.lightning_loop import moved_to
from rnnlab.training.position import Position
from rnnlab.training.regularizer import Regularizer
from rnnlab.training.settings import EvalSettings, TrainSettings
from rnnlab.training.weight_decay import MatricesAlone

CARRIED = "rnnlab_states"
"""In a checkpoint, the state that the next batch begins with: of each layer its tensors."""


class TrainingModule(pl.LightningModule):
    """One model on one task.

    Metrics go to the logger under the number of updates made so far: those of `Blocks` after each
    block, and those of `Evaluation` at each validation and at the test.

    A run's command makes all of it from a config; under a Trainer of your own:

        module = TrainingModule(model, task, optimizer=partial(torch.optim.Adam, lr=0.005))
        pl.Trainer(**module.trainer_options, accelerator="cpu").fit(module)

    Args:
        model: What is trained.
        task: What it is trained on.
        optimizer: Makes the optimizer from the parameters.
        clip: What happens to each gradient before its update; by default nothing.
        regularizer: What is added to each gradient before it is clipped; by default nothing.
        schedule: Makes a learning-rate schedule from the optimizer, stepped at every update.
        train_settings: How long and on what.
        eval_settings: What it is scored on.
        seed: Of dropout, and of noise in the gradient.
        origin: Plain types that go into every checkpoint, beside how far training has come.
        changed: Settings of the optimizer that a resume has changed: a checkpoint has the old ones.
        answers_only: Whether it is never trained or tested, as where the data of its task are not here.

    Raises:
        ValueError: As `Evaluation` and its `refuse_counts` do; from training, for a Trainer without `trainer_options`.
        DivergedError: From training, where a loss is not finite.
    """

    def __init__(
        self,
        model: SequenceModel,
        task: Task,
        optimizer: Callable[[Iterable[Tensor]], Optimizer],
        clip: Clip | None = None,
        schedule: Callable[[Optimizer], LRScheduler] | None = None,
        train_settings: TrainSettings | None = None,
        eval_settings: EvalSettings | None = None,
        seed: int = 0,
        origin: Mapping[str, Any] | None = None,
        changed: Collection[str] = (),
        answers_only: bool = False,
        regularizer: Regularizer | None = None,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.model = model
        self.task = task
        self.make_optimizer: Callable[[Iterable[Tensor]], Optimizer] = optimizer
        self.make_schedule = schedule
        self.train_settings = train_settings or TrainSettings()
        if not self.train_settings.decay_biases:
            self.make_optimizer = MatricesAlone(optimizer)
        self.evaluation = Evaluation(task, eval_settings or EvalSettings())
        if not answers_only:
            self.evaluation.refuse_counts()
        clip = clip or NoClip()
        check_seed("seed", seed)
        self.blocks = Blocks(model, task, clip, self.train_settings, seed, regularizer)
        self.origin, self.changed = dict(origin or {}), frozenset(changed)
        self.position = Position()
        self.tested_at: int | None = None  # updates behind the weights that are tested
        self.recent: dict[str, float] = {}  # the newest value of every metric
        self._validated: dict[str, float] = {}

    @property
    def updates(self) -> int:
        """Updates made so far."""
        return self.position.updates

    @property
    def trainer_options(self) -> dict[str, Any]:
        """What Lightning's Trainer has to be told, as its epoch is here the way to a validation."""
        return self.train_settings.trainer_options

    @classmethod
    def load_from_checkpoint(cls, *arguments: Any, weights_only: bool = True, **parts: Any) -> Any:
        """Lightning's, with torch's safe loader as its default.

        The parts that a module is made from are no part of its checkpoint: they are given again, as
        `load_from_checkpoint(path, model=model, task=task, optimizer=torch.optim.Adam)`. Of a
        command's run, `rnnlab.runs.reopen.load_module(path)` makes them from the config in it.
        """
        return super().load_from_checkpoint(*arguments, weights_only=weights_only, **parts)

    def on_fit_start(self) -> None:
        trainer: Any = self.trainer
        epochs, devices = trainer.reload_dataloaders_every_n_epochs, trainer.world_size
        if (epochs, devices) != (1, 1):
            raise ValueError(
                f"Trainer(reload_dataloaders_every_n_epochs={epochs}) on {devices} "
                "device(s): a TrainingModule is trained by Trainer(**module.trainer_options, ...) on "
                "one device, or it would see its first batches again"
            )

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
        if not self.updates:
            self.record({f"baseline/{name}": v for name, v in self.task.baselines.items()})
        if self.changed:
            loaded: Any = self.optimizers()
            wanted = self.make_optimizer(self.model.parameters())
            for group, new in zip(loaded.param_groups, wanted.param_groups, strict=True):
                group.update({key: new[key] for key in self.changed & new.keys()})
        # A run that was killed after it had been stopped as solved is resumed to be tested only.
        if self.position.solved_at is not None and self.train_settings.stop_when_solved:
            self.trainer.should_stop = True

    def training_step(self, start: int) -> None:
        optimizer: Any = self.optimizers()
        schedule: Any = self.lr_schedulers()
        by_update = None if isinstance(schedule, ReduceLROnPlateau) else schedule
        if (curriculum := self.blocks.curriculum) is not None:
            self.blocks.train_at(curriculum.at(self.position.seq_len))
        metrics = self.blocks.make(start, optimizer, by_update)
        self.position = self.position._replace(updates=self.blocks.stop_of(start))
        self.record(metrics)

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
        self._grow(metrics["val/error"])
        below = self.task.solved_below
        solved = below is not None and metrics["val/error"] < below
        if solved and self.position.solved_at is None:
            solved = self.evaluation.confirms_solved(self.model)
            if solved:
                self.position = self.position._replace(solved_at=self.updates)
        found = rank(metrics, solved, self.evaluation.num_val if below is not None else 0)
        self.position = self.position.validated(found)
        self.log_dict(
            {**metrics, "rank": found}, logger=False, batch_size=1
        )  # where the callbacks of a Trainer of your own look
        if solved and self.train_settings.stop_when_solved:
            self.trainer.should_stop = True

    def _grow(self, at_full_length: float) -> None:
        """Train at the next length of the curriculum, if this one is solved."""
        curriculum, below = self.blocks.curriculum, self.task.solved_below
        if curriculum is None or below is None:
            return
        now, error = curriculum.at(self.position.seq_len), at_full_length
        if now < self.task.seq_len:
            error = self.evaluation.error_at(self.model, curriculum.tasks[now])
        self.record({"train/seq_len": now, "val/error_at_seq_len": error})
        if error < below:
            self.position = self.position._replace(seq_len=curriculum.after(now))

    def _refuse_nonfinite(self, loss: float) -> None:
        """No training loss has yet told what the last update did, and a checkpoint is to follow."""
        weights = all(weight.isfinite().all() for weight in self.model.parameters())
        if not (weights and math.isfinite(loss)):
            raise DivergedError(self.updates, "what is left")

    def test_dataloader(self) -> range:
        return range(1)  # all of the test in one step

    def test_step(self, batch: int) -> None:
        metrics = self.evaluation.test(self.model)
        if metrics.get("test/solved"):
            reached = (self.position.solved_at, self.tested_at, self.updates)
            steps = next(step for step in reached if step is not None)
            metrics["steps_to_solve"] = steps
            metrics["sequences_to_solve"] = steps * self.train_settings.batch_size
        self.log_dict(metrics, logger=False, batch_size=1)  # trainer.callback_metrics
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

    @property
    def carried_states(self) -> list[State] | None:
        """Where the rows of the next batch begin, if batches are to go on."""
        return None if self.blocks.carried is None else self.blocks.carried.states

    def go_back_to(
        self, position: Position, weights: Mapping[str, Tensor], states: list[State] | None = None
    ) -> None:
        """Continue from where training was: after so many updates, with these weights and these states."""
        self.position = position
        self.load_state_dict(weights)
        if self.blocks.carried is not None:
            self.blocks.carried.states = states

    def take_up_states(self, checkpoint: Mapping[str, Any]) -> None:
        """Go on with the states that a checkpoint has, if batches are to go on.

        Raises:
            ValueError: If they are not those of the model.
        """
        if (carried := self.blocks.carried) is not None:
            carried.states = carried.read(checkpoint.get(CARRIED))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["rnnlab"] = {"format": FORMAT, **self.position._asdict(), **self.origin}
        if self.carried_states is not None:
            checkpoint[CARRIED] = self.carried_states

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.position = Position.read(checkpoint["rnnlab"])
        if self._trainer is None:  # loaded to be looked at
            return
        self.take_up_states(checkpoint)
        # Where Lightning's loops stand follows from the updates alone, in mid-epoch too.
        loop = self.trainer.fit_loop.state_dict()
        checkpoint["loops"]["fit_loop"] = moved_to(self.updates, loop, self.train_settings)
