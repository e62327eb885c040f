"""What comes of a run: its best model, tested, and what it leaves beside its numbers."""

import logging
from collections.abc import Callable
from pathlib import Path

from rnnlab.foundation.run_folder import RunFolder
from rnnlab.report.learning_curve import write_learning_curve
from rnnlab.runs.factory import Parts
from rnnlab.runs.run_config import RunConfig, with_found
from rnnlab.runs.saved_model import example_of, write_model
from rnnlab.tracking.artifacts import Left
from rnnlab.tracking.result import Result
from rnnlab.training.block import DivergedError

log = logging.getLogger(__name__)


def train(parts: Parts, start: Path | None) -> dict[str, float]:
    """Fit; a loss that is not finite ends the fit, and is a result.

    Args:
        parts: Of the run.
        start: The checkpoint to go on from.

    Returns:
        `diverged`, 0 or 1, and where it diverged `diverged_step`.

    Raises:
        DivergedError: With train.nonfinite=raise.
    """
    try:
        parts.trainer.fit(parts.module, ckpt_path=start, weights_only=True)
    except DivergedError as error:
        if parts.module.train_settings.nonfinite == "raise":
            raise
        parts.module.mark_diverged(error)
        return {"diverged": 1.0, "diverged_step": error.step}
    return {"diverged": 0.0}


def best_checkpoint(parts: Parts, folder: RunFolder) -> Path | None:
    """The checkpoint to be tested; None where the run diverged before there was one."""
    return folder.best if parts.checkpoint_io.has(folder.best) else None


def test(parts: Parts, best: Path | None, outcome: dict[str, float]) -> None:
    """Test the best checkpoint, if there is one, and record what has become of the run."""
    if best is None:
        solved = {} if parts.module.task.solved_below is None else {"test/solved": 0.0}
        outcome = {**outcome, **solved}
    else:
        parts.module.load_tested(parts.checkpoint_io.load(best))
        parts.trainer.test(parts.module, verbose=False)
    parts.module.record(outcome)


def write_artifacts(config: RunConfig, result: Result, parts: Parts) -> Left:
    """What a run leaves beside its numbers.

    What a full disk does not take is left out, with a warning: the run's numbers are complete.
    """
    folder = RunFolder(Path(result.folder))
    begun_with = (folder.config, folder.packages, folder.code, folder.evaluated)
    written = [path for path in begun_with if path.exists()]
    missing = [] if folder.packages in written else [folder.packages]
    for path, write in _writers(config, result, parts, folder).items():
        try:
            write()
        except OSError as error:
            log.warning(
                "%s was not written (%s): python -m rnnlab.sync makes anew what can be made",
                *(path, error.strerror or error),
            )
            missing.append(path)
        else:
            written.append(path)
    parts.diagnostics.record_cost(parts.module)
    missing += parts.checkpoint_io.write_what_waits()
    below = [path.relative_to(folder.path) for path in written]
    names = [str(path.relative_to(folder.path)) for path in missing]
    return Left(list(dict.fromkeys(path.parts[0] for path in below)), names)


def _writers(
    config: RunConfig, result: Result, parts: Parts, folder: RunFolder
) -> dict[Path, Callable[[], object]]:
    """What writes each."""
    journal, levels, module = parts.logger.journal, result.levels, parts.module
    writers: dict[Path, Callable[[], object]] = {
        **parts.diagnostics.writers(result.name),
        folder.learning_curve: lambda: write_learning_curve(
            folder.path, journal, levels, result.name
        ),
    }
    if config.tracking.log_model:
        weights = module.model.state_dict()
        example, plain = example_of(config.task), with_found(config.plain, config.task.from_data)
        size = config.task.output_size
        writers[folder.model] = lambda: write_model(folder.path, plain, weights, example, size)
    return writers
