"""What a run shows while it trains: one line, with the loss beside chance."""

import sys
from typing import TextIO

import pytorch_lightning as pl

from rnnlab.foundation.terminal import LivingLine
from rnnlab.training.module import TrainingModule


class Progress(pl.Callback):
    """One line that is written over on a terminal, and else a plain line for each validation.

    lstm · adding 50 · s0   300/2000   loss 0.0214, chance 0.167   error 12.0 %   412 steps/s
    """

    def __init__(self, name: str, stream: TextIO | None = None) -> None:
        self.name = name
        self.living = LivingLine(stream or sys.stdout)

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: object,
        batch: object,
        batch_idx: int,
    ) -> None:
        assert isinstance(pl_module, TrainingModule)
        self.living.show(self.line(pl_module))

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, TrainingModule)
        if not self.living.terminal:
            self.living.print_above(self.line(pl_module))

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.living.keep()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        self.living.keep()

    def line(self, module: TrainingModule) -> str:
        """The newest figures: the loss of the last validation, or of training before the first."""
        recent = module.recent
        loss = recent.get("val/loss", recent.get("train/loss", float("nan")))
        error, at_chance = "", module.task.chance_error
        if "val/error" in recent:
            beside = "" if at_chance is None else f", chance {at_chance:.1%}"
            error = f"   error {recent['val/error']:.1%}{beside}"
        return (
            f"{self.name}   {module.updates}/{module.train_settings.steps}   "
            f"loss {loss:.3g}, chance {module.task.chance:.3g}{error}   "
            f"{recent.get('perf/steps_per_second', 0):.0f} steps/s"
        )
