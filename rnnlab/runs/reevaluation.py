"""A trained model asked again: at other lengths, on other sequences, by other diagnostics."""

import io
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rnnlab.cells.sequence_model import SequenceModel
from rnnlab.diagnostics.history import UPDATES
from rnnlab.diagnostics.probe import Probe, refuse_counts
from rnnlab.foundation.masking import first_line
from rnnlab.runs.build import build
from rnnlab.runs.later_question import DIAGNOSTICS, OF_RUN, Question
from rnnlab.runs.memory import refuse_inputs, refuse_too_large
from rnnlab.runs.own_code import allow_code
from rnnlab.runs.precision import computing_in, dtype_of
from rnnlab.runs.process import prepare_process
from rnnlab.runs.run_config import RunConfig, read_config, read_data, read_task
from rnnlab.runs.trained_run import TrainedRun, open_run
from rnnlab.tasks import DataFile, Task
from rnnlab.tracking.addition import Addition, add_to_folder, add_to_store
from rnnlab.tracking.datasets import EVALUATION, described, refuse_changed
from rnnlab.tracking.journal import EVALUATED
from rnnlab.tracking.store import existing_store
from rnnlab.training.evaluation import Evaluation


@dataclass(frozen=True)
class Answer:
    """What a run has answered.

    Args:
        run: The run.
        metrics: By the names that they get in the run.
        chances: The level of chance, and further ones, by the length that they are of.
        arrays: Of each diagnostic.
        label: What the answer is called; empty where it is as the run's own.
        reported: Which of the metrics a report shows, each with the name of its column.
        data: What it was asked about besides the data of the run.
    """

    run: TrainedRun
    metrics: dict[str, float]
    chances: dict[str, str]
    arrays: dict[str, Mapping[str, np.ndarray]]
    label: str
    reported: dict[str, str]
    data: list[DataFile]


def answer(question: Question) -> Answer:
    """Open the run, and ask its model; nothing is written.

    Raises:
        ValueError: For a run that cannot be opened, and for what its task or its model refuse.
    """
    run = open_run(question.run, question.checkpoint, question.uri)
    try:
        return _answer(question, run)
    except (LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"the files of {run.name} are not as a run writes them ({type(error).__name__}: "
            f"{first_line(error)})"
        ) from error


def _answer(question: Question, run: TrainedRun) -> Answer:
    plain = question.config(run.model.config)
    how = "allow_targets=[{}]"
    of_the_run = {name: plain[name] for name in plain if name != DIAGNOSTICS}
    allow_code(of_the_run, run.model.code or Path("nowhere"), question.allow, how)
    tasks = _tasks(plain, question.lengths)
    plain["eval"]["lengths"] = [task.seq_len for task in tasks]
    plain["train"]["batch_size"] = 1  # nothing is trained, and memory is asked for accordingly
    plain["eval"]["val_sequences"] = None  # nor validated
    plain["trainer"] |= {"accelerator": "cpu", "devices": 1}
    config = read_config(plain, here=False)
    data = _other_data(question, run, config.task)
    for task in (config.task, *tasks):
        refuse_inputs(task, config.settings)
    refuse_counts(config.diagnostics, config.task)
    refuse_too_large(config)
    prepare_process(config.settings.num_threads, config.settings.flush_denormal)
    model = _model(config, run)
    metrics, chances = _scores(config, model, tasks, bool(question.diagnostics))
    arrays: dict[str, Mapping[str, np.ndarray]] = {}
    if config.diagnostics:
        probe = Probe(model, config.task, config.eval_settings.seed)
        for name, diagnostic in config.diagnostics.items():
            measured = diagnostic.measure(probe)
            metrics |= measured.metrics
            arrays[name] = measured.arrays
    label = question.label or _label_here(run, bool(tasks or config.diagnostics))
    prefix = f"{EVALUATED}{label}/" if label else ""
    named = {f"{prefix}{key}": value for key, value in metrics.items()}
    reported = {} if label else dict(_reported(config))
    return Answer(run, named, chances, arrays, label, reported, data)


def _other_data(question: Question, run: TrainedRun, task: Task) -> list[DataFile]:
    """What the question is about that the run was not trained on, as it names other data.

    Raises:
        ValueError: If the data of the run are not here or have changed, or if eval.seed is to choose among them.
    """
    now = read_data(task)
    if "eval.seed" in question.changes and not question.diagnostics and task.num_sequences("test"):
        raise ValueError(
            f"eval.seed={question.changes['eval.seed']} chooses no sequences: the test split of a set of data "
            "is what it is"
        )
    if any(key.startswith("task.") for key in question.changes):
        had = {(file.name, file.digest) for file in run.data}
        return [file for file in now if (file.name, file.digest) not in had]
    refuse_changed(run.data, now)
    return []


def _label_here(run: TrainedRun, is_new: bool) -> str:
    """Empty where the run itself would have measured this, on the same kind of device."""
    if run.device.partition(",")[0] not in ("", "cpu"):
        return "on cpu"
    return "" if is_new else "again"


def _reported(config: RunConfig) -> Iterator[tuple[str, str]]:
    for diagnostic in config.diagnostics.values():
        yield from diagnostic.reported.items()


def record(found: Answer) -> str:
    """Into the run's folder, if it is here, and into its store; numbers that are not finite have no place there.

    Returns:
        Why the store has not taken it yet, in a line; empty where it has.

    Raises:
        ValueError: If the run has another value of a metric already, or cannot be written to.
        Exception: Of `FAILURES`, as its store fails.
    """
    run = found.run
    metrics = {key: value for key, value in found.metrics.items() if math.isfinite(value)}
    place = found.label or OF_RUN
    files = {
        f"{place}/{name}.npz": _packed(arrays, run.tested_at)
        for name, arrays in found.arrays.items()
        if arrays
    }
    reported = {key: column for key, column in found.reported.items() if key in metrics}
    data = described(found.data, EVALUATION)
    addition = Addition(metrics, run.tested_at, files, reported, data)
    if run.folder is not None:
        return add_to_folder(run.folder, run.uri, addition, run.refuse_changed)
    add_to_store(existing_store(run.uri), run.run_id, addition)
    return ""


def _tasks(plain: Mapping[str, Any], lengths: list[int]) -> list[Task]:
    """The run's task at each length."""
    task = read_task(plain)
    found = []
    for length in lengths:
        section = {**plain["task"], task.length_key: length}
        found.append(build("task", section, Task, plain["allow_targets"])())
    return found


def _model(config: RunConfig, run: TrainedRun) -> SequenceModel:
    model = config.model.make().to(dtype_of(config.settings.trainer.precision))
    try:
        model.load_state_dict(run.model.weights)
    except (RuntimeError, TypeError) as error:
        raise ValueError(
            f"the model of {run.name} is of other sizes than the task that is asked for: "
            f"{' '.join(str(error).split())}"
        ) from error
    return model.eval()


def _scores(
    config: RunConfig, model: SequenceModel, tasks: list[Task], diagnosed: bool
) -> tuple[dict[str, float], dict[str, str]]:
    """Of the tasks, or of the run's own where nothing else is asked; and the levels beside each."""
    evaluation = Evaluation(config.task, config.eval_settings)
    evaluation.refuse_counts()
    named = {f"length/{task.seq_len}": task for task in tasks}
    if not (named or diagnosed):
        named = {"test": config.task}
    metrics: dict[str, float] = {}
    precision = config.settings.trainer.precision
    with torch.inference_mode(), computing_in(precision, torch.device("cpu")):
        for name, task in named.items():
            metrics |= evaluation.test_on(model, task, name)
    return metrics, {_length(task): _levels(task) for task in named.values()}


def _length(task: Task) -> str:
    """`20`, or `20 (40 steps)` where the length is no number of steps, by which metrics are named."""
    steps = "" if task.length == task.seq_len else f" ({task.seq_len} steps)"
    return f"{task.length}{steps}"


def _levels(task: Task) -> str:
    """`chance 2.303, error 90.00%, unigram 2.9`."""
    error = [] if task.chance_error is None else [f"error {task.chance_error:.2%}"]
    others = [f"{name} {level:.4g}" for name, level in task.baselines.items()]
    return ", ".join([f"chance {task.chance:.4g}", *error, *others])


def _packed(arrays: Mapping[str, np.ndarray], step: int) -> bytes:
    """As the file of a run's diagnostic, with one look."""
    file = io.BytesIO()
    rows = {UPDATES: np.array([step])} | {name: array[None] for name, array in arrays.items()}
    np.savez(file, **rows)  # pyrefly: ignore[bad-argument-type]
    return file.getvalue()
