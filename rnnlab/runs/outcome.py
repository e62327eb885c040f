"""What comes of a run: its best model, tested, and what it leaves beside its numbers."""

import logging
from collections.abc import Callable
from pathlib import Path

from rnnlab.foundation.run_folder import RunFolder
from rnnlab.report.learning_curve import write_learning_curve
from rnnlab.runs.factory import Parts
from rnnlab.runs.run_config import RunConfig
from rnnlab.runs.saved_model import write_model
from rnnlab.tracking.artifacts import write_packages
from rnnlab.tracking.result import Result
from rnnlab.training.module import DivergedError

log = logging.getLogger(__name__)


def train_and_test(parts: Parts, folder: RunFolder, start: Path | None) -> Path | None:
    """Fit, then test the best checkpoint; a loss that is not finite ends the fit, as a result.

    Args:
        parts: Of the run.
        folder: Its folder.
        start: The checkpoint to go on from.

    Returns:
        The checkpoint that was tested; None where the run diverged before there was one.
    """
    module, trainer, best = parts.module, parts.trainer, folder.best
    outcome = {"diverged": 0.0}
    try:
        trainer.fit(module, ckpt_path=start, weights_only=True)
    except DivergedError as error:
        if module.train_settings.nonfinite == "raise":
            raise
        outcome = {"diverged": 1.0, "diverged_step": error.step}
        module.mark_diverged(error)
    tested = parts.checkpoint_io.has(best)
    if tested:
        module.load_tested(parts.checkpoint_io.load(best))
        trainer.test(module, verbose=False)
    else:
        outcome["test/solved"] = 0.0
    module.record(outcome)
    return best if tested else None


def write_artifacts(config: RunConfig, result: Result, parts: Parts) -> list[str]:
    """What a run leaves beside its numbers; the names of its files and folders.

    What a full disk does not take is left out, with a warning: the run's numbers are complete.
    """
    folder, module = RunFolder(Path(result.folder)), parts.module
    journal, chance = parts.logger.journal, result.chance
    writers: list[Callable[[], list[str]]] = [
        lambda: parts.diagnostics.finish(module, result.name),
        lambda: [write_packages(folder.path)],
        lambda: [write_learning_curve(folder.path, journal, chance, result.name)],
    ]
    if config.tracking.log_model:
        weights = module.model.state_dict()
        writers.append(lambda: [write_model(folder.path, config.plain, weights)])
    names = [folder.config.name]
    for write in writers:
        try:
            names += write()
        except OSError as error:
            log.warning("an artifact is missing: %s", error)
    return list(dict.fromkeys(names))
