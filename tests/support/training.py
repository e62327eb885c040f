"""A small module to train, Lightning's trainer around it, and what it logs."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from rnnlab.cells.elman import ElmanCell
from rnnlab.cells.sequence_model import SequenceModel
from rnnlab.foundation.run_folder import RunFolder
from rnnlab.runs.factory import make_trainer
from rnnlab.tasks.adding import Adding
from rnnlab.training.checkpoints import AtomicCheckpointIO
from rnnlab.training.clipping import Clip, NoClip
from rnnlab.training.module import TrainingModule
from rnnlab.training.settings import EvalSettings, TrainSettings
from tests.support.configs import run_config

TASK = Adding(seq_len=8)
EVAL = EvalSettings(sequences=400, val_sequences=30, batch_size=20)
ADAM = partial(torch.optim.Adam, lr=0.01)


class Recorder(pl.loggers.CSVLogger):
    """Keeps what was logged, by (name, step)."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.points: dict[tuple[str, int], float] = {}

    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        assert step is not None
        for name, value in metrics.items():
            assert (name, step) not in self.points
            self.points[name, step] = value


class CountingOptimizer:
    """Lightning's optimizer, as far as an update knows it."""

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self.optimizer, self.steps = optimizer, 0

    def step(self) -> None:
        self.steps += 1
        self.optimizer.step()


class Wrapped(CountingOptimizer):
    """Lightning's optimizer, as far as a block knows it."""

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        return self.optimizer.param_groups


def module_of(
    steps: int = 7,
    block: int = 2,
    val_every: int = 4,
    clip: Clip | None = None,
    optimizer: Any = ADAM,
    seed: int = 0,
    eval_settings: EvalSettings = EVAL,
    model: Any = None,
    stop_when_solved: bool = True,
    min_seq_len: int | None = None,
    **more: Any,
) -> TrainingModule:
    torch.manual_seed(seed)
    if model is None:
        model = SequenceModel(partial(ElmanCell, hidden_size=5), TASK.input_size, TASK.output_size)
    return TrainingModule(
        model,
        TASK,
        optimizer,
        clip or NoClip(),
        train_settings=TrainSettings(*(steps, 3, min_seq_len, block, val_every, stop_when_solved)),
        eval_settings=eval_settings,
        **more,
    )


def fit(
    module: TrainingModule, folder: Path, *callbacks: pl.Callback
) -> tuple[pl.Trainer, dict[tuple[str, int], float]]:
    logger = Recorder(folder)
    trainer = trainer_of(module, folder, logger, callbacks)
    trainer.fit(module)
    return trainer, logger.points


def trainer_of(
    module: TrainingModule,
    folder: Path,
    logger: Recorder,
    callbacks: Sequence[pl.Callback] = (),
    *overrides: str,
) -> pl.Trainer:
    """A run's trainer on the CPU, for as long as the module says."""
    config = run_config("trainer=cpu", *overrides)
    config = replace(config, settings=replace(config.settings, train=module.train_settings))
    own = RunFolder(folder)
    return make_trainer(config, own, callbacks, logger, AtomicCheckpointIO(own))
