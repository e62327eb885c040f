"""One run from its config to its result: made, trained, tested, recorded.

A run ends as FINISHED (also where it diverged: that is a result), KILLED (by a signal) or FAILED,
in MLflow and in `result.json` in its folder, and never stays RUNNING.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from rnnlab import __version__
from rnnlab.foundation.compute import compute_in_float32, keep_freed_memory, set_num_threads
from rnnlab.foundation.folder_lock import locked
from rnnlab.foundation.masking import masked
from rnnlab.foundation.quiet import quiet_tools
from rnnlab.foundation.run_folder import RunFolder
from rnnlab.runs.factory import Parts, make_parts
from rnnlab.runs.outcome import train_and_test, write_artifacts
from rnnlab.runs.resume import Earlier
from rnnlab.runs.run_config import RunConfig
from rnnlab.tracking.lifecycle import RunRecord, deliver_waiting, open_record
from rnnlab.tracking.manifest import REPORTED_TAG
from rnnlab.tracking.result import Result, leaves, variant_name
from rnnlab.tracking.store import tracking_uri
from rnnlab.tracking.ui_view import VARIANT_ON_TASK


@dataclass(frozen=True)
class Request:
    """What was asked for, in the words of the command line.

    Args:
        choices: The chosen option of each config group.
        overrides: What the command line says that differs from the defaults.
        folder: Where the run's files go.
    """

    choices: dict[str, str]
    overrides: list[str]
    folder: Path


def run_one(config: RunConfig, request: Request, earlier: Earlier | None = None) -> Result:
    """Train and test what `config` says.

    Args:
        config: Of the run.
        request: What it was made from.
        earlier: The run to go on with, whose folder it is.

    Raises:
        ValueError: For anything in the config that cannot be used; nothing has been recorded then.
    """
    prepare_process(config.num_threads)
    folder = RunFolder(request.folder)
    if earlier is None:
        _refuse_used(folder)
    parts = _make_parts(config, request, earlier)
    result = _describe(config, request, parts, earlier)
    with locked(folder.path):
        record = _open_record(config, result, parts)
        with record.running(config.plain):
            best = train_and_test(parts, folder, None if earlier is None else earlier.checkpoint)
            record.tested(best, write_artifacts(config, result, parts))
    deliver_waiting(result, tracking_uri(config.tracking.uri))
    return result


def prepare_process(num_threads: int) -> None:
    """How this process computes from now on, and what its tools say of it."""
    quiet_tools()
    set_num_threads(num_threads)
    compute_in_float32()
    keep_freed_memory()
    torch.use_deterministic_algorithms(False)  # of the job before, where this one does not say


def _refuse_used(folder: RunFolder) -> None:
    if folder.result.exists():
        raise ValueError(
            f"hydra.run.dir={folder.path} holds a run already: resume= goes on with it"
        )


def _make_parts(config: RunConfig, request: Request, earlier: Earlier | None) -> Parts:
    origin = {"version": __version__, "config": config.plain, "choices": request.choices}
    changed = () if earlier is None else earlier.changed_settings("optimizer")
    name = run_name(config, request.choices)
    return make_parts(config, RunFolder(request.folder), name, origin, changed)


def run_name(config: RunConfig, choices: Mapping[str, str]) -> str:
    """`lstm · adding 50 · s0`"""
    return f"{variant_name(choices)} · {choices['task']} {config.task.length} · s{config.seed}"


def _describe(config: RunConfig, request: Request, parts: Parts, earlier: Earlier | None) -> Result:
    """The run before it begins; of one that goes on, with what became of it."""
    return Result(
        name=run_name(config, request.choices),
        variant=variant_name(request.choices),
        task=request.choices["task"],
        length=config.task.length,
        seed=config.seed,
        chance=config.task.chance,
        overrides=[masked(override) for override in request.overrides],
        folder=str(request.folder),
        choices=request.choices,
        num_params=parts.module.model.num_params,
        run_id="" if earlier is None else earlier.result.run_id,
        changes="" if earlier is None else earlier.result.changes,
    )


def _open_record(config: RunConfig, result: Result, parts: Parts) -> RunRecord:
    """What MLflow is to be told of the run, and where."""
    task, reported = config.task, parts.diagnostics.reported
    params = {
        **dict(leaves(config.plain)),
        **result.choices,
        "variant": result.variant,
        "length": str(task.length),
        "length_key": f"task.{task.length_key}",
        "seq_len": str(task.seq_len),
        "chance": str(task.chance),
        "num_params": str(result.num_params),
        VARIANT_ON_TASK: f"{result.variant} · {result.task} {result.length}",
    }
    tags = {REPORTED_TAG: json.dumps(reported)} if reported else {}
    return open_record(config.tracking, result, parts.logger, parts.module.recent, tags, params)
