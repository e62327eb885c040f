"""One run from its config to its result: made, trained, tested, recorded.

A run ends as FINISHED (also where it diverged: that is a result), KILLED (by a signal) or FAILED,
in MLflow and in `result.json` in its folder, and never stays RUNNING.
"""

import json
import logging

from rnnlab import __version__
from rnnlab.foundation.files import try_to_write
from rnnlab.foundation.folder_lock import locked
from rnnlab.foundation.masking import masked
from rnnlab.foundation.run_folder import RunFolder
from rnnlab.runs.factory import Parts, make_parts
from rnnlab.runs.fitting import refuse_unfit
from rnnlab.runs.machine import OTHER_BITS, machine, moved
from rnnlab.runs.matched_size import match_told
from rnnlab.runs.outcome import best_checkpoint, test, train, write_artifacts
from rnnlab.runs.own_code import write_code
from rnnlab.runs.process import prepare_process
from rnnlab.runs.request import Request, refuse_used
from rnnlab.runs.resume import EarlierRun
from rnnlab.runs.run_config import RunConfig
from rnnlab.runs.run_data import refuse_changed_data
from rnnlab.tracking.artifacts import Left, write_packages
from rnnlab.tracking.journal import newest_values
from rnnlab.tracking.lifecycle import TrackedRun, deliver_waiting, track_run
from rnnlab.tracking.manifest import REPORTED_TAG
from rnnlab.tracking.result import Result, leaves, variant_name
from rnnlab.tracking.store import tracking_uri
from rnnlab.tracking.ui_view import VARIANT_ON_TASK

log = logging.getLogger(__name__)


def run_one(config: RunConfig, request: Request, earlier: EarlierRun | None = None) -> Result:
    """Train and test what `config` says.

    Args:
        config: Of the run.
        request: What it was made from.
        earlier: The run to go on with, whose folder it is.

    Raises:
        ValueError: For anything in the config that cannot be used; nothing has been recorded then.
    """
    prepare_process(config.settings.num_threads, config.settings.flush_denormal)
    folder = RunFolder(request.folder)
    if earlier is None:
        refuse_used(folder)
    if earlier is not None:
        refuse_changed_data(earlier.folder, config.task)
    parts = _make_parts(config, request, earlier)
    if earlier is not None and earlier.checkpoint is not None:
        refuse_unfit(parts.module, earlier.checkpoint)
    result = _describe(config, request, parts, earlier)
    if result.matched:
        log.info(result.matched)
    with locked(folder.path):
        tracked = _track(config, result, parts, earlier)
        try_to_write(lambda: write_code(folder, config.plain))
        try_to_write(lambda: write_packages(folder.path))

        def work() -> Left:
            if earlier is not None:  # what its process knew that had come so far
                parts.module.recent |= newest_values(parts.logger.journal, earlier.made)
            outcome = train(parts, None if earlier is None else earlier.checkpoint)
            best = best_checkpoint(parts, folder)
            tracked.will_test(best)
            test(parts, best, outcome)
            return write_artifacts(config, result, parts)

        tracked.run(config.plain, work)
    deliver_waiting(result, tracking_uri(config.tracking.uri))
    return result


def _make_parts(config: RunConfig, request: Request, earlier: EarlierRun | None) -> Parts:
    origin = {
        "version": __version__,
        "config": config.plain,
        "choices": request.choices,
        "from_data": config.task.from_data,
    }
    changed = () if earlier is None else earlier.changed_settings("optimizer")
    choices = request.choices
    name = f"{variant_name(choices)} · {choices['task']} {config.task.length} · s{config.seed}"
    return make_parts(config, RunFolder(request.folder), name, origin, changed)


def _describe(
    config: RunConfig, request: Request, parts: Parts, earlier: EarlierRun | None
) -> Result:
    """The run before it begins; of one that goes on, with what became of it."""
    now = machine(parts.trainer)
    lines = "" if earlier is None else moved(earlier.result.machine, now)
    if lines:
        log.warning("%s\n%s", "; ".join(lines.splitlines()), OTHER_BITS)
    return Result(
        name=parts.name,
        variant=variant_name(request.choices),
        task=request.choices["task"],
        length=config.task.length,
        seed=config.seed,
        chance=config.task.chance,
        chance_error=config.task.chance_error,
        baselines=config.task.baselines,
        overrides=[masked(override) for override in request.overrides],
        folder=str(request.folder),
        choices=request.choices,
        about=request.about,
        num_params=parts.module.model.num_params,
        state_size=parts.module.model.state_size,
        matched=match_told(config.plain, parts.module.model),
        run_id="" if earlier is None else earlier.result.run_id,
        machine=now,
        changes="" if earlier is None else earlier.result.changes + lines,
    )


def _track(
    config: RunConfig, result: Result, parts: Parts, earlier: EarlierRun | None
) -> TrackedRun:
    """What MLflow is to be told of the run, and where."""
    task, reported = config.task, parts.diagnostics.reported
    cell = parts.module.model.layers[0]
    params = {
        **dict(leaves(config.plain)),
        **result.choices,
        "variant": result.variant,
        "length": str(task.length),
        "length_key": f"task.{task.length_key}",
        "seq_len": str(task.seq_len),
        "chance": str(task.chance),
        "solved_below": json.dumps(task.solved_below),
        "num_params": str(result.num_params),
        "state_size": str(result.state_size),
        **_costs(type(cell)),
        **{f"about_{group}": text for group, text in result.about.items() if text},
        VARIANT_ON_TASK: f"{result.variant} · {result.task} {result.length}",
    }
    for name in ("chance_error", "chance_accuracy"):
        if (level := getattr(task, name)) is not None:
            params[name] = str(level)
    tags = {f"rnnlab.{key}": value for key, value in result.machine.items()}
    if reported:
        tags[REPORTED_TAG] = json.dumps(reported)
    return track_run(
        config.tracking,
        result,
        parts.logger,
        parts.module.recent,
        tags,
        params,
        goes_on=earlier is not None,
        end=None if earlier is None else earlier.end,
        data=task.data,
    )


def _costs(cell: type) -> dict[str, str]:
    """What a step costs; a class of the user's may mean something else by these names."""
    named = {name: getattr(cell, name, None) for name in ("work", "depth")}
    return {name: value for name, value in named.items() if isinstance(value, str)}
