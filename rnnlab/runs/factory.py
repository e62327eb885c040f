"""From a run's config to its parts: all that trains, tests and looks at one model."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytorch_lightning as pl
from lightning_fabric.plugins.environments import LightningEnvironment
from lightning_fabric.utilities.exceptions import MisconfigurationException

from rnnlab.diagnostics.callback import DiagnosticsCallback
from rnnlab.diagnostics.probe import refuse_counts
from rnnlab.foundation.run_folder import RunFolder
from rnnlab.runs.build import build
from rnnlab.runs.run_config import RunConfig, try_optimizer
from rnnlab.tracking.journal import Journal
from rnnlab.training.checkpoint_on_stop import CheckpointOnStop
from rnnlab.training.checkpointing import Checkpointing
from rnnlab.training.checkpoints import AtomicCheckpointIO
from rnnlab.training.module import TrainingModule
from rnnlab.training.progress import Progress

if TYPE_CHECKING:
    from rnnlab.tracking.logger import BufferedMLFlowLogger


@dataclass(frozen=True)
class Parts:
    """The parts of one run, and its name: `lstm · adding 50 · s0`."""

    name: str
    module: TrainingModule
    trainer: pl.Trainer
    checkpoint_io: AtomicCheckpointIO
    logger: "BufferedMLFlowLogger"
    diagnostics: DiagnosticsCallback


def make_parts(
    config: RunConfig,
    folder: RunFolder,
    name: str,
    origin: Mapping[str, Any],
    changed: Collection[str] = (),
) -> Parts:
    """All of them; nothing is written.

    Args:
        config: Of the run.
        folder: Its folder.
        name: Its name, for the line that it shows while it trains.
        origin: Plain types that go into every checkpoint.
        changed: Settings of the optimizer that a resume has changed.

    Raises:
        ValueError: As `make_module` and `make_trainer` do, and for a diagnostic that asks for more sequences
            than there are.
    """
    from rnnlab.tracking.logger import BufferedMLFlowLogger  # with MLflow, last of all

    module = make_module(config, origin, changed)
    refuse_counts(config.diagnostics, config.task)
    logger = BufferedMLFlowLogger(Journal(folder.journal))
    checkpoint_io = AtomicCheckpointIO(folder)
    diagnostics = DiagnosticsCallback(config.diagnostics, folder)
    callbacks = [diagnostics, Progress(name), CheckpointOnStop(folder)]
    trainer = make_trainer(config, folder, callbacks, logger, checkpoint_io)
    return Parts(name, module, trainer, checkpoint_io, logger, diagnostics)


def make_module(
    config: RunConfig,
    origin: Mapping[str, Any] | None = None,
    changed: Collection[str] = (),
    answers_only: bool = False,
) -> TrainingModule:
    """Task, model and all that trains it.

    Args:
        config: Of the run.
        origin: Plain types that go into every checkpoint.
        changed: Settings of the optimizer that a resume has changed.
        answers_only: Whether the data of the task are not here, so that it can neither train nor be tested.

    Raises:
        ValueError: For what its parts refuse of the config, as a learning rate below 0, and for a
            task or a cell that does not keep to its interface.
    """
    module = TrainingModule(
        config.model.make_checked(with_data=not answers_only),
        config.task,
        optimizer=config.make_optimizer,
        clip=config.clip,
        regularizer=config.regularizer,
        schedule=config.make_schedule,
        train_settings=config.train,
        eval_settings=config.eval_settings,
        seed=config.seed,
        origin=origin,
        changed=changed,
        answers_only=answers_only,
    )
    try_optimizer(module.model, module.make_optimizer, config.make_schedule, config.train.steps)
    return module


def make_trainer(
    config: RunConfig,
    folder: RunFolder,
    callbacks: Sequence[pl.Callback],
    logger: Any,
    checkpoint_io: AtomicCheckpointIO,
) -> pl.Trainer:
    """A Lightning trainer that checkpoints into the run's folder.

    Raises:
        ValueError: For a setting that Lightning refuses, or for several devices.
    """
    section = {"_target_": target} if (target := config.plain["trainer"].get("_target_")) else {}
    chosen = {**section, **vars(config.settings.trainer)}
    try:
        trainer = build("trainer", chosen, pl.Trainer, config.settings.allow)(
            logger=logger,
            **config.train.trainer_options,
            enable_progress_bar=False,
            enable_model_summary=False,
            callbacks=[*callbacks, Checkpointing(folder)],
            # Or Lightning would take a cluster's variables, as Slurm's, for a request of more processes.
            plugins=[checkpoint_io, LightningEnvironment()],
        )
    except (MisconfigurationException, ImportError) as error:
        raise ValueError(f"trainer: {error}") from error
    if trainer.world_size != 1:
        raise ValueError(f"trainer.devices={chosen['devices']} is not one device")
    return trainer
