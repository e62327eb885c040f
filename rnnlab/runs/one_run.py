"""One run from its config to its result: build, train, test, record.

A run ends as FINISHED (also where it diverged: that is a result), KILLED (by a signal) or FAILED,
in MLflow and in `result.json` in its folder, and never stays RUNNING.
"""

import logging
import os
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from rnnlab import __version__
from rnnlab.diagnostics.callback import Watch
from rnnlab.foundation.checks import check_int
from rnnlab.foundation.compute import compute_in_float32, keep_freed_memory, set_num_threads
from rnnlab.foundation.folder_lock import at_work
from rnnlab.foundation.masking import MASK, masked, masked_config
from rnnlab.foundation.quiet import hush
from rnnlab.foundation.signals import Stopped, held, received
from rnnlab.report.learning_curve import write_learning_curve
from rnnlab.runs.build import build
from rnnlab.runs.factory import check_sections, make_diagnostics, make_module, make_trainer
from rnnlab.runs.resume import Earlier
from rnnlab.tracking.artifacts import write_model, write_packages
from rnnlab.tracking.journal import FILE as JOURNAL
from rnnlab.tracking.journal import Journal
from rnnlab.tracking.lifecycle import begin, deliver_what_waits, end, make_record, reach, write_down
from rnnlab.tracking.logger import BufferedMLFlowLogger
from rnnlab.tracking.manifest import FILE as RECORD
from rnnlab.tracking.manifest import Record
from rnnlab.tracking.result import CONFIG, FILE, Result, leaves, variant_name, write_failure
from rnnlab.tracking.store import TrackingSettings, tracking_uri
from rnnlab.training.checkpoint_on_stop import CheckpointOnStop
from rnnlab.training.checkpoints import BEST, AtomicCheckpointIO
from rnnlab.training.module import DivergedError, TrainingModule
from rnnlab.training.progress import Progress

log = logging.getLogger(__name__)


def run_trial(
    config: Mapping[str, Any],
    choices: Mapping[str, str],
    overrides: list[str],
    folder: Path,
    earlier: Earlier | None = None,
) -> Result:
    """Train and test what `config` says.

    Args:
        config: The resolved config, plain.
        choices: The chosen option of each config group.
        overrides: What was asked for on the command line, for reports.
        folder: Where the run's files go.
        earlier: The run to go on with, whose folder it is.

    Raises:
        ValueError: For anything in the config that cannot be used; nothing has been recorded then.
    """
    hush()
    check_sections(config)
    if earlier is None and (folder / FILE).exists():
        raise ValueError(f"hydra.run.dir={folder} holds a run already: resume= goes on with it")
    threads, cores = config["num_threads"], max(os.cpu_count() or 1, 2)
    set_num_threads(check_int("num_threads", threads, minimum=1, maximum=cores))
    compute_in_float32()
    keep_freed_memory()
    torch.use_deterministic_algorithms(False)  # of the job before, where this one does not say
    module, diagnostics = make_module(config), make_diagnostics(config)
    tracking = build("tracking", config["tracking"], TrackingSettings)()
    result = _describe(config, choices, overrides, folder, module)
    shown = masked_config(config)
    _refuse_masked(shown)
    module.origin = {"version": __version__, "config": shown, "choices": result.choices}
    logger = BufferedMLFlowLogger(Journal(folder / JOURNAL))
    watch, disk = Watch(diagnostics, folder), AtomicCheckpointIO()
    callbacks = [watch, Progress(result.name), CheckpointOnStop(folder / "checkpoints")]
    trainer = make_trainer(config, folder / "checkpoints", callbacks, logger, disk)
    with at_work(folder):
        if earlier is not None:
            result.run_id, result.changes = earlier.result.run_id, earlier.result.changes
            module.changed = set(re.findall(r"^optimizer\.(\w+):", result.changes, re.MULTILINE))
        written = list(logger.journal) if (folder / RECORD).exists() else None
        client = reach(tracking, result)
        had = written is not None
        record = Record.read(folder) if had else make_record(tracking, shown, result, module)
        began = time.monotonic()
        artifacts: list[str] = []
        start = None if earlier is None else earlier.checkpoint
        try:
            write_down(shown, record, result)
            begin(client, record, result, logger, written)
            _train_and_test(trainer, module, result, disk, start)
            artifacts = _write_artifacts(shown, result, module, logger.journal, watch)
            result.status = "FINISHED"
        except BaseException as error:
            signum = received()
            result.status = "FAILED" if signum is None else "KILLED"
            result.failure = masked(f"{type(error).__name__}: {error}")
            if signum is None:
                write_failure(folder, error)
            error.add_note(f"run {result.run_id} ended as {result.status}; see {folder}")
            if signum is not None:
                raise Stopped(signum) from error
            raise
        finally:
            result.seconds = time.monotonic() - began
            result.metrics = dict(module.recent)
            with held():
                end(record, result, logger, artifacts)
    for done in deliver_what_waits(result, tracking_uri(tracking.uri)):
        log.warning("%s: MLflow has it now, %d points", done.name, done.points)
    return result


def _refuse_masked(shown: Mapping[str, Any]) -> None:
    """What a model is made of has to be in its files, or nobody could make it again."""
    for key, value in leaves({name: shown[name] for name in ("cell", "task", "model")}):
        if MASK in value:
            raise ValueError(f"{key} takes a value from the environment, which no file is to hold")


def _describe(
    config: Mapping[str, Any],
    choices: Mapping[str, str],
    overrides: list[str],
    folder: Path,
    module: TrainingModule,
) -> Result:
    task, variant = module.task, variant_name(choices)
    return Result(
        name=f"{variant} · {choices['task']} {task.length} · s{config['seed']}",
        variant=variant,
        task=choices["task"],
        length=task.length,
        seed=config["seed"],
        chance=task.chance,
        overrides=[masked(override) for override in overrides],
        folder=str(folder),
        choices=dict(choices),
        num_params=module.model.num_params,
    )


def _train_and_test(
    trainer: pl.Trainer,
    module: TrainingModule,
    result: Result,
    disk: AtomicCheckpointIO,
    resume_from: Path | None,
) -> None:
    """Fit, then test the best checkpoint; a loss that is not finite ends the fit, as a result."""
    outcome = {"diverged": 0.0}
    try:
        trainer.fit(module, ckpt_path=resume_from, weights_only=True)
    except DivergedError as error:
        if module.train_settings.nonfinite == "raise":
            raise
        outcome = {"diverged": 1.0, "diverged_step": error.step}
        module.updates = error.step  # under which all that follows is recorded
    best = Path(result.folder) / "checkpoints" / BEST
    if best.exists() or best in disk.unwritten:
        result.checkpoint = str(best)
        checkpoint = disk.load(best)
        module.load_state_dict(checkpoint["state_dict"])
        module.tested_at = checkpoint["rnnlab"]["updates"]
        trainer.test(module, verbose=False)
    else:
        outcome["test/solved"] = 0.0
    module.record(outcome)


def _write_artifacts(
    config: Mapping[str, Any],
    result: Result,
    module: TrainingModule,
    journal: Journal,
    watch: Watch,
) -> list[str]:
    """What a run leaves beside its numbers; the names of its files and folders.

    What a full disk does not take is left out, with a warning: the run's numbers are complete.
    """
    folder = Path(result.folder)
    makers: list[Callable[[], list[str]]] = [
        lambda: watch.finish(module, result.name),
        lambda: [write_packages(folder)],
        lambda: [write_learning_curve(folder, journal, result.chance, result.name)],
    ]
    if config["tracking"]["log_model"]:
        makers.append(lambda: [write_model(folder, config, module.model.state_dict())])
    names = [CONFIG]
    for make in makers:
        try:
            names += make()
        except OSError as error:
            log.warning("an artifact is missing: %s", error)
    return list(dict.fromkeys(names))
