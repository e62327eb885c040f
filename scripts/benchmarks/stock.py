"""What people write: Lightning's loop, its MLFlowLogger, torch.nn's layers, Hydra's basic launcher.

The same tasks, batches, first sizes, updates, logging interval, validation and test as rnnlab's
sweep in sweep.py, and no more than that: no diagnostics, no saved model, no report.
"""

from collections.abc import Iterator
from pathlib import Path

import hydra
import pytorch_lightning as pl
import torch
from omegaconf import DictConfig
from pytorch_lightning.loggers import MLFlowLogger
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset

from rnnlab.tasks import Task
from rnnlab.tasks.adding import Adding
from rnnlab.tasks.stream import Stream
from rnnlab.tasks.temporal_order import TemporalOrder

BATCH, STEPS, EVERY, HIDDEN, LR, LOG = 32, 500, 100, 64, 0.005, 50
LAYERS = {"elman": nn.RNN, "elman_clipped": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
TASKS: dict[str, type[Task]] = {"adding": Adding, "temporal_order": TemporalOrder}


class Batches(IterableDataset):
    """Whole batches: those that rnnlab trains on, drawn as fast."""

    def __init__(self, stream: Stream, count: int) -> None:
        self.stream, self.count = stream, count

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for batch in self.stream.batches(0, self.count):
            yield batch.inputs, batch.targets


def loader(task: Task, size: int, seed: int, stream: str, count: int) -> DataLoader:
    """In order, in this process: with workers, batches this small come later, not sooner."""
    return DataLoader(Batches(Stream(task, size, seed, stream), count), batch_size=None)


class Module(pl.LightningModule):
    """A layer of torch.nn and a readout, optimized by Lightning."""

    def __init__(self, cell: str, task: Task) -> None:
        super().__init__()
        self.task = task
        self.layer = LAYERS[cell](task.input_size, HIDDEN, batch_first=True)
        self.readout = nn.Linear(HIDDEN, task.output_size)

    def answers(self, batch: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        inputs, targets = batch
        # The last state alone: cut out of all of them, it costs the backward pass a copy.
        _, state = self.layer(inputs)
        h = state[0] if isinstance(self.layer, nn.LSTM) else state
        return self.readout(h.transpose(0, 1)), targets

    def training_step(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        loss = self.task.loss(*self.answers(batch))
        self.log("train/loss", loss)
        return loss

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        norms = [p.grad.norm() for p in self.parameters() if p.grad is not None]
        self.log("grad/norm", torch.stack(norms).norm())

    def score(self, batch: tuple[Tensor, Tensor], stream: str) -> None:
        outputs, targets = self.answers(batch)
        self.log(f"{stream}/loss", self.task.loss(outputs, targets), batch_size=len(targets))
        errors = self.task.errors(outputs, targets).float().mean()
        self.log(f"{stream}/error", errors, batch_size=len(targets))

    def validation_step(self, batch: tuple[Tensor, Tensor]) -> None:
        self.score(batch, "val")

    def test_step(self, batch: tuple[Tensor, Tensor]) -> None:
        self.score(batch, "test")

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=LR)


@hydra.main(version_base="1.3", config_path=".", config_name="stock")
def main(config: DictConfig) -> None:
    """One run."""
    torch.set_num_threads(1)
    pl.seed_everything(config.seed, verbose=False)
    task = TASKS[config.task]()
    module = Module(config.cell, task)
    uri = f"sqlite:///{Path.cwd()}/mlflow.db"
    logger = MLFlowLogger("stock", tracking_uri=uri, run_name=f"{config.cell} {config.task}")
    logger.log_hyperparams(dict(config))
    trainer = pl.Trainer(
        max_steps=STEPS,
        accelerator="cpu",
        logger=logger,
        log_every_n_steps=LOG,
        val_check_interval=EVERY,
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        gradient_clip_val=1.0 if config.cell.endswith("clipped") else None,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(
        module,
        loader(task, BATCH, config.seed, "train", STEPS),
        loader(task, 500, 0, "val", 2),
    )
    trainer.test(module, loader(task, 500, 0, "test", 20), verbose=False)


if __name__ == "__main__":
    main()
