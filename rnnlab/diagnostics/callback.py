"""When a run's model is looked at, and where it is written down what was seen."""

import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import pytorch_lightning as pl
import torch

from rnnlab.diagnostics.diagnostic import Diagnostic
from rnnlab.diagnostics.figure import write_figure
from rnnlab.diagnostics.history import History
from rnnlab.diagnostics.probe import Probe
from rnnlab.foundation.files import sync_folder, try_to_write
from rnnlab.foundation.run_folder import RunFolder
from rnnlab.training.module import TrainingModule

RATIO = 4  # between the validations after which the model is looked at
SECONDS = "perf/diagnostics_seconds"


class DiagnosticsCallback(pl.Callback):
    """Takes each diagnostic before training, along it, and of the model that is tested.

    Along training it looks after validations number 1, 4, 16, 64 and so on, when training goes on:
    memory changes on the scale of the logarithm of the updates, and the looks at a long run cost no
    more than a few. It changes nothing of the run.

    Metrics go to the logger under the updates made so far, arrays to `diagnostics/<name>.npz`, and
    the figures of all to `figures/diagnostics.png`.

    Args:
        diagnostics: By name.
        folder: The run's.
    """

    def __init__(self, diagnostics: Mapping[str, Diagnostic], folder: RunFolder) -> None:
        self.diagnostics = diagnostics
        self.folder = folder
        self.histories = {name: History(folder.diagnostics / f"{name}.npz") for name in diagnostics}
        self.seconds = 0.0

    @property
    def reported(self) -> dict[str, str]:
        """Which of the metrics a comparison of runs shows, each with the name of its column."""
        return {
            metric: column
            for diagnostic in self.diagnostics.values()
            for metric, column in diagnostic.reported.items()
        }

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, TrainingModule)
        self.seconds = pl_module.recent.get(SECONDS, 0.0)  # of the attempts before
        if pl_module.updates < pl_module.train_settings.steps:
            for history in self.histories.values():  # of a run that had ended here, and trains on
                history.forget_from(pl_module.updates)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        # At the start of a stretch, not at the end: the last model that was trained is not the
        # one that is tested, and the two would be two values of one metric at one step.
        assert isinstance(pl_module, TrainingModule)
        validations, rest = divmod(pl_module.updates, pl_module.train_settings.val_every)
        if rest == 0 and _due(validations):
            self.look(pl_module)
            self.record_cost(pl_module)

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, TrainingModule)
        self.look(pl_module)

    def look(self, module: TrainingModule) -> None:
        """Take all diagnostics of the model as it is, and write them down."""
        began = time.perf_counter()
        trained = module.training
        module.eval()
        metrics: dict[str, float] = {}
        with torch.inference_mode(False), torch.enable_grad():
            probe = Probe(module.model, module.task, module.evaluation.settings.seed)
            for name, diagnostic in self.diagnostics.items():
                measured = diagnostic.measure(probe)
                metrics |= measured.metrics
                self.histories[name].add(module.updates, measured.arrays)
        self._write()
        module.train(trained)
        module.record(metrics)
        self.seconds += time.perf_counter() - began

    def _write(self) -> None:
        """What was seen; the disk takes the names of all files at once."""
        for history in self.histories.values():
            try_to_write(partial(history.write, sync=False))
        if self.folder.diagnostics.is_dir():
            try_to_write(partial(sync_folder, self.folder.diagnostics))

    def writers(self, title: str) -> dict[Path, Callable[[], None]]:
        """What is left of the looks: each file, and what writes it."""
        arrays: dict[Path, Callable[[], None]] = {
            history.path: history.write for history in self.histories.values()
        }
        if not any(len(history.rows) > 1 for history in self.histories.values()):
            return arrays
        return {**arrays, self.folder.diagnostics_figure: lambda: self._draw(title)}

    def _draw(self, title: str) -> None:
        began = time.perf_counter()
        write_figure(self.folder.diagnostics_figure, self.diagnostics, self.histories, title)
        self.seconds += time.perf_counter() - began

    def record_cost(self, module: TrainingModule) -> None:
        """Record what it all has cost so far."""
        if self.diagnostics:
            module.record({SECONDS: self.seconds})


def _due(validations: int) -> bool:
    while validations >= RATIO and validations % RATIO == 0:
        validations //= RATIO
    return validations in (0, 1)
