"""A run without its command: its config, module, diagnostics and trainer, no store and no figure."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from rnnlab.diagnostics.callback import DiagnosticsCallback
from rnnlab.foundation.run_folder import RunFolder
from rnnlab.runs.factory import make_module, make_trainer
from rnnlab.training.checkpoints import AtomicCheckpointIO, load
from tests.support.configs import run_config
from tests.support.training import Recorder


class Trained(NamedTuple):
    """What came of it, to the last bit; of speed nothing."""

    points: dict[tuple[str, int], str]
    looks: dict[str, tuple[tuple[int, ...], bytes]]


def trained(overrides: tuple[str, ...], folder: Path) -> Trained:
    """Trains, and tests the best checkpoint, as `python -m rnnlab.run` does with these overrides."""
    points = _points(overrides, folder)
    hexed = {k: v.hex() for k, v in points.items() if not k[0].startswith("perf/")}
    return Trained(hexed, looks(folder))


def measured(overrides: tuple[str, ...], folder: Path) -> dict[str, float]:
    """The metrics of the test of the best checkpoint; no diagnostics, and 500 sequences of each length."""
    quick = ("diagnostics=none", "trainer=cpu", "eval.sequences=500", "eval.val_sequences=500")
    points = _points((*quick, *overrides), folder)
    of_test = ("test/", "length/", "steps_to_solve")
    return {name: value for (name, _), value in points.items() if name.startswith(of_test)}


def _points(overrides: tuple[str, ...], folder: Path) -> dict[tuple[str, int], float]:
    config, own = run_config(*overrides), RunFolder(folder)
    module, logger = make_module(config), Recorder(folder)
    diagnostics = DiagnosticsCallback(config.diagnostics, own)
    trainer = make_trainer(config, own, [diagnostics], logger, AtomicCheckpointIO(own))
    trainer.fit(module)
    module.load_tested(load(own.best))
    trainer.test(module, verbose=False)
    return logger.points


def looks(folder: Path) -> dict[str, tuple[tuple[int, ...], bytes]]:
    """The arrays of the diagnostics in a run's folder: shape and bits, for NaN differs from NaN."""
    return {
        f"{path.stem}.{name}": (array.shape, array.tobytes())
        for path in sorted((folder / "diagnostics").glob("*.npz"))
        for name, array in np.load(path).items()
    }
