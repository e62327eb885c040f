"""Whether a run fits into the memory that is free, asked before it begins."""

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import torch

from rnnlab.cells.cell import Cell
from rnnlab.cells.sequence_model import SequenceModel
from rnnlab.foundation.memory import can_measure, free_memory, spelled
from rnnlab.runs.precision import autocast_of, dtype_of
from rnnlab.tasks import Task
from rnnlab.training.footprint import Footprint

if TYPE_CHECKING:
    from rnnlab.runs.run_config import RunConfig
    from rnnlab.runs.settings import Settings, TrainerSettings

SMALL = 0.5  # of the free memory: what takes no more by a generous guess is not tried
# Numbers that an update, and a score, take at most for each of a sequence's states and features at each step.
UPDATE, SCORE = 64, 16
LOOKED_AT, GRAPH = (
    200,
    20_000,
)  # sequences, if a diagnostic names no number; bytes of a step's graph


@dataclass(frozen=True)
class Need:
    """What one part of a run takes.

    Args:
        count: Bytes.
        of: What takes them.
        instead: What takes less.
    """

    count: float
    of: str
    instead: str


def refuse_inputs(task: Task, settings: "Settings") -> None:
    """Refuse sequences that are too long for anything, before anything draws one.

    Raises:
        ValueError: If the inputs of one batch would not fit into the memory that is free.
    """
    free = free_memory(torch.device("cpu"))
    sizes = {
        "train.batch_size": settings.train.batch_size,
        "eval.batch_size": settings.eval_settings.batch_size,
    }
    key = max(sizes, key=lambda name: sizes[name])
    count = 4 * sizes[key] * task.seq_len * task.input_size
    if free is not None and count > free:
        raise ValueError(
            f"{key}={sizes[key]} sequences of {task.seq_len} steps take {spelled(count)} as inputs alone, and "
            f"{spelled(free)} is free: lower it, or {_length(task)}"
        )


def refuse_too_large(config: "RunConfig") -> None:
    """Refuse a run that would run out of memory.

    Raises:
        ValueError: If an update, a score or a diagnostic would take more than is free.
    """
    device = device_of(config.settings.trainer)
    free = free_memory(device)
    if free is None or at_most(config) <= free * SMALL:
        return
    need = need_of(config, device)
    if need is not None and need.count > free:
        raise ValueError(
            f"{need.of} take {spelled(need.count)}, and {spelled(free)} is free: {need.instead}"
        )


def need_of(config: "RunConfig", device: torch.device) -> Need | None:
    """What takes most of a run; None where nobody knows."""
    if not can_measure(device):
        return None
    model, kind = _model(config), config.settings.trainer.precision
    footprint = Footprint(model, config.task, device, dtype_of(kind), autocast_of(kind, device))
    needs = [_update(config, footprint), _score(config, footprint), *_looks(config, model, device)]
    return max(needs, key=lambda need: need.count)


def at_most(config: "RunConfig") -> float:
    """Bytes of a run, generously, and known at once."""
    task, evaluation = config.task, config.eval_settings
    states, below = 0, torch.zeros(1, 1, task.input_size)
    for cell in _model(config).layers:
        assert isinstance(cell, Cell)
        state = cell.initial_state(below)
        states += sum(tensor.numel() for tensor in state)
        below = state[0].unsqueeze(1)
    numbers = 8 * (states + task.input_size + task.output_size)
    longest = max([task.seq_len, *evaluation.lengths])
    looked_at = [getattr(d, "sequences", None) or LOOKED_AT for d in config.diagnostics.values()]
    counts = (
        UPDATE * config.train.batch_size * task.seq_len,
        SCORE * evaluation.batch_size * longest,
        UPDATE * max(looked_at, default=0) * task.seq_len,
    )
    return numbers * max(counts) + GRAPH * task.seq_len


def device_of(trainer: "TrainerSettings") -> torch.device:
    """Where a run computes; a kind of device that nothing is known of where that is not clear."""
    if trainer.accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available():
        number = trainer.devices[0] if isinstance(trainer.devices, list) else 0
        return torch.device("cuda", number)
    return torch.device("cpu" if trainer.accelerator in ("auto", "cpu") else "meta")


def _model(config: "RunConfig") -> SequenceModel:
    with torch.random.fork_rng(devices=[]):
        return config.model.make()


def _update(config: "RunConfig", footprint: Footprint) -> Need:
    size, steps, chosen = config.train.batch_size, config.task.seq_len, config.train.recompute_steps
    drawn = footprint.drawing(size, steps)
    line = footprint.of_update(size, config.regularizer)
    again = partial(footprint.recomputed, line, size, steps)
    count = drawn + (line(steps) if chosen is None else again(chosen))
    if (cut := config.train.tbptt) is not None:
        count = drawn + footprint.truncated(line, steps, cut)
    others = f"lower train.batch_size or {_length(config.task)}"
    root = math.isqrt(steps - 1) + 1
    can_cut = cut is None and not config.regularizer.takes_whole_sequences
    if can_cut and chosen != root and (less := drawn + again(root)) < count / 2:
        others = f"with train.recompute_steps={root} it is {spelled(less)}; or {others}"
    return Need(count, f"updates of train.batch_size={size} sequences of {steps} steps", others)


def _score(config: "RunConfig", footprint: Footprint) -> Need:
    size, steps = (
        config.eval_settings.batch_size,
        max([config.task.seq_len, *config.eval_settings.lengths]),
    )
    count = footprint.drawing(size, steps) + footprint.of_evaluation(size)(steps)
    where = "eval.lengths" if config.eval_settings.lengths else _length(config.task)
    of = f"scores of eval.batch_size={size} sequences of {steps} steps"
    return Need(count, of, f"lower eval.batch_size or {where}")


def _looks(config: "RunConfig", model: SequenceModel, device: torch.device) -> list[Need]:
    from rnnlab.diagnostics.footprint import of_looks  # with matplotlib

    steps, needs = config.task.seq_len, []
    for name, line in of_looks(config.diagnostics, model.to(device), config.task).items():
        key = f"diagnostics.{name}"
        fewer = (
            f"lower {key}.sequences or " if hasattr(config.diagnostics[name], "sequences") else ""
        )
        of = f"looks of {key} at sequences of {steps} steps"
        needs.append(Need(line(steps), of, f"{fewer}leave it out"))
    return needs


def _length(task: Task) -> str:
    return f"task.{task.length_key}"
