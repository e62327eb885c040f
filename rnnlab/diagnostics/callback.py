"""When a run's model is looked at, and where it is written down what was seen."""

import time
from collections.abc import Mapping

import pytorch_lightning as pl
import torch
from matplotlib.figure import Figure

from rnnlab.diagnostics.diagnostic import Diagnostic
from rnnlab.diagnostics.history import History
from rnnlab.diagnostics.probe import Probe
from rnnlab.foundation.files import try_to_write
from rnnlab.foundation.run_folder import RunFolder
from rnnlab.training.module import TrainingModule

RATIO = 4  # between the validations after which the model is looked at
COLUMNS = 4


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
                history = self.histories[name]
                history.add(module.updates, measured.arrays)
                try_to_write(history.write)
        module.train(trained)
        module.record(metrics)
        self.seconds += time.perf_counter() - began

    def finish(self, module: TrainingModule, title: str) -> list[str]:
        """Draw what was seen and record what it all cost; the names of the folders written to."""
        if not self.diagnostics:
            return []
        began = time.perf_counter()
        for history in self.histories.values():
            history.write()  # what a full disk did not take before
        shown = {name: history for name, history in self.histories.items() if len(history.rows) > 1}
        names = [self.folder.diagnostics.name, *([self._draw(shown, title)] if shown else [])]
        self.seconds += time.perf_counter() - began
        module.record({"perf/diagnostics_seconds": self.seconds})
        return names

    def _draw(self, shown: Mapping[str, History], title: str) -> str:
        rows, columns = -(-len(shown) // COLUMNS), min(len(shown), COLUMNS)
        figure = Figure(figsize=(0.9 + 3.6 * columns, 0.7 + 3 * rows))
        # Measured layouts and legends that look for room would take longer than all the looks.
        width, height = figure.get_size_inches()
        figure.subplots_adjust(
            left=0.9 / width,
            right=1 - 0.1 / width,
            bottom=0.5 / height,
            top=1 - 0.8 / height,
            wspace=0.3,
            hspace=0.45,
        )
        figure.suptitle(f"{title}   (grey: at first, blue: at the end)", y=1 - 0.15 / height)
        for place, (name, history) in enumerate(shown.items(), start=1):
            axes = figure.add_subplot(rows, columns, place)
            self.diagnostics[name].draw(axes, history.row(0), history.row(-1))
        path = self.folder.diagnostics_figure
        path.parent.mkdir(exist_ok=True)
        figure.savefig(path, dpi=100)
        return path.parent.name


def _due(validations: int) -> bool:
    while validations >= RATIO and validations % RATIO == 0:
        validations //= RATIO
    return validations in (0, 1)
