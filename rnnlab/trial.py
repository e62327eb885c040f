"""One run from its config to its result: build, train, test, record.

A run ends as FINISHED (also where it diverged: that is a result), KILLED (by a signal) or FAILED,
in MLflow and in `result.json` in its folder, and never stays RUNNING.
"""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from rnnlab import __version__, checkpoints
from rnnlab.checks import check_int
from rnnlab.config import build
from rnnlab.diagnostics.watch import Watch
from rnnlab.experiment import check_sections, make_diagnostics, make_module, make_trainer
from rnnlab.hush import hush
from rnnlab.machine import keep_freed_memory, set_num_threads
from rnnlab.masking import masked
from rnnlab.progress import Progress
from rnnlab.report.figures import write_learning_curve
from rnnlab.result import Result, leaves, variant_name
from rnnlab.signals import Stopped, held, received
from rnnlab.tracking import PARENT_RUN
from rnnlab.tracking.artifacts import write_config, write_model, write_packages
from rnnlab.tracking.journal import Journal
from rnnlab.tracking.logger import BufferedMLFlowLogger
from rnnlab.tracking.store import TrackingSettings, open_store, show, tracking_uri
from rnnlab.tracking.view import VARIANT_ON_TASK, View
from rnnlab.training import DivergedError, TrainingModule


def run_trial(
    config: Mapping[str, Any],
    choices: Mapping[str, str],
    overrides: list[str],
    folder: Path,
    run_id: str | None = None,
) -> Result:
    """Train and test what `config` says.

    Args:
        config: The resolved config, plain.
        choices: The chosen option of each config group.
        overrides: What was asked for on the command line, for reports.
        folder: Where the run's files go.
        run_id: The MLflow run to go on with, from the last checkpoint in `folder`.

    Raises:
        ValueError: For anything in the config that cannot be used; nothing has been recorded then.
    """
    began = time.monotonic()
    hush()
    check_sections(config)
    if run_id is None and any((folder / name).exists() for name in ("result.json", "checkpoints")):
        raise ValueError(f"hydra.run.dir={folder} holds a run already: resume= goes on with it")
    threads, cores = config["num_threads"], max(os.cpu_count() or 1, 2)
    set_num_threads(check_int("num_threads", threads, minimum=1, maximum=cores))
    keep_freed_memory()
    torch.use_deterministic_algorithms(False)  # of the job before, where this one does not say
    module, diagnostics = make_module(config), make_diagnostics(config)
    tracking = build("tracking", config["tracking"], TrackingSettings)()
    module.origin = {"version": __version__, "config": _shareable(config), "choices": dict(choices)}
    result = _describe(config, choices, overrides, folder, module)
    logger = _make_logger(tracking, result, run_id)
    watch = Watch(diagnostics, folder)
    callbacks = [watch, Progress(result.name)]
    trainer = make_trainer(config, folder / "checkpoints", callbacks, logger)
    try:
        with held():  # or MLflow would have a run that nobody knows of, RUNNING for ever
            result.run_id = str(logger.run_id)
            result.write()
        if run_id is None:
            logger.log_hyperparams(_params(config, choices, result, module))
        last = folder / "checkpoints" / checkpoints.LAST
        _train_and_test(trainer, module, result, resume_from=None if run_id is None else last)
        seen = watch.finish(module, result.name)
        _log_artifacts(logger, _shareable(config), result, module, seen)
        result.status = "FINISHED"
    except BaseException as error:
        signum = received()
        result.status = "FAILED" if signum is None else "KILLED"
        result.failure = f"{type(error).__name__}: {error}"
        error.add_note(f"run {result.run_id} ended as {result.status}; see {folder}")
        if signum is not None:
            raise Stopped(signum) from error
        raise
    finally:
        result.seconds = time.monotonic() - began
        result.metrics = dict(module.recent)
        logger.end(result.status)
        result.undelivered = len(logger.buffer)
        result.write()
    return result


def _shareable(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config without the password that a tracking URI may carry."""
    tracking = dict(config["tracking"])
    return {**config, "tracking": {**tracking, "uri": tracking["uri"] and masked(tracking["uri"])}}


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
        num_params=module.model.num_params,
    )


def _make_logger(
    tracking: TrackingSettings, result: Result, run_id: str | None
) -> BufferedMLFlowLogger:
    """A logger whose run begins with its first use."""
    uri = tracking_uri(tracking.uri)
    result.tracking_uri = masked(uri)
    client, result.experiment_id = open_store(uri, tracking.experiment)
    show(client, result.experiment_id, View(result.task, result.length))
    tags = {
        "rnnlab.kind": "run",
        "rnnlab.version": __version__,
        "rnnlab.folder": result.folder,
        "rnnlab.overrides": " ".join(result.overrides),
    }
    if parent := os.environ.get(PARENT_RUN):
        tags["mlflow.parentRunId"] = parent
    journal = Journal(Path(result.folder) / "metrics.jsonl")
    return BufferedMLFlowLogger(journal, uri, tracking.experiment, result.name, tags, run_id=run_id)


def _params(
    config: Mapping[str, Any],
    choices: Mapping[str, str],
    result: Result,
    module: TrainingModule,
) -> dict[str, str]:
    """Every leaf of the config under its override key, and what the groups were chosen to be."""
    params = dict(leaves(config)) | dict(choices)
    params["variant"] = result.variant
    params["seq_len"] = str(module.task.seq_len)
    params |= {key: str(getattr(result, key)) for key in ("num_params", "length", "chance")}
    params[VARIANT_ON_TASK] = f"{result.variant} · {result.task} {result.length}"
    params["tracking.uri"] = result.tracking_uri
    return params


def _train_and_test(
    trainer: pl.Trainer, module: TrainingModule, result: Result, resume_from: Path | None
) -> None:
    """Fit, then test the best checkpoint; a loss that is not finite ends the fit, as a result."""
    outcome = {"diverged": 0.0}
    try:
        trainer.fit(module, ckpt_path=resume_from, weights_only=True)
    except DivergedError as error:
        outcome = {"diverged": 1.0, "diverged_step": error.step}
        module.updates = error.step  # under which all that follows is recorded
    best = Path(result.folder) / "checkpoints" / checkpoints.BEST
    if best.exists():
        result.checkpoint = str(best)
        checkpoint = checkpoints.load(best)
        module.load_state_dict(checkpoint["state_dict"])
        module.tested_at = checkpoint["rnnlab"]["updates"]
        trainer.test(module, verbose=False)
    else:
        outcome["test/solved"] = 0.0
    module.record(outcome)


def _log_artifacts(
    logger: BufferedMLFlowLogger,
    config: Mapping[str, Any],
    result: Result,
    module: TrainingModule,
    seen: list[str],
) -> None:
    folder = Path(result.folder)
    names = [
        *seen,
        write_config(folder, config),
        write_packages(folder),
        write_learning_curve(folder, logger.journal, result.chance, result.name),
    ]
    if config["tracking"]["log_model"]:
        names.append(write_model(folder, config, module.model.state_dict()))
    logger.log_artifacts(folder, dict.fromkeys(names))
