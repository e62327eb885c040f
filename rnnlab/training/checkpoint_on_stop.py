"""What a run that is stopped in mid-block leaves: a checkpoint of where that block began.

A block is whole or it never was: its metrics are means over it, and dropout is drawn for all of it.
So the state at its start is kept in memory, some kilobytes, and written once the run is stopped,
which takes no longer than any checkpoint.
"""

from typing import Any

import pytorch_lightning as pl
from torch import Tensor

from rnnlab.foundation.run_folder import RunFolder
from rnnlab.foundation.signals import Stopped, received_signal
from rnnlab.training.block import DivergedError
from rnnlab.training.module import TrainingModule


class CheckpointOnStop(pl.Callback):
    """Writes the newest checkpoint when training is ended from outside, or by an error.

    Args:
        folder: The run's.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.path = folder.last
        self.kept: _State | None = None
        self.saved_at = 0

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        assert isinstance(pl_module, TrainingModule)
        self.saved_at = pl_module.updates

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        assert isinstance(pl_module, TrainingModule)
        self.kept = _State(trainer, pl_module)

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        # An exception that a signal raised in a destructor, Python prints and forgets.
        if (signum := received_signal()) is not None:
            raise Stopped(signum)

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        kept = self.kept
        if kept is None or kept.position.updates <= self.saved_at:
            return
        if isinstance(exception, DivergedError):
            return
        assert isinstance(pl_module, TrainingModule)
        kept.restore(trainer, pl_module)
        trainer.save_checkpoint(self.path)


class _State:
    """All of a run that a block changes, copied."""

    def __init__(self, trainer: pl.Trainer, module: TrainingModule) -> None:
        self.position, self.carried = module.position, module.carried_states
        self.weights = _copied(module.state_dict())
        self.optimizers = [_copied(optimizer.state_dict()) for optimizer in trainer.optimizers]
        self.schedules = [_copied(c.scheduler.state_dict()) for c in trainer.lr_scheduler_configs]

    def restore(self, trainer: pl.Trainer, module: TrainingModule) -> None:
        module.go_back_to(self.position, self.weights, self.carried)
        for optimizer, state in zip(trainer.optimizers, self.optimizers, strict=True):
            optimizer.load_state_dict(state)
        for config, state in zip(trainer.lr_scheduler_configs, self.schedules, strict=True):
            config.scheduler.load_state_dict(state)


def _copied(state: Any) -> Any:
    """With tensors of its own; numbers and text cannot change."""
    if isinstance(state, Tensor):
        return state.clone()
    if isinstance(state, dict):
        return {key: _copied(value) for key, value in state.items()}
    if isinstance(state, list):
        return [_copied(value) for value in state]
    return state
