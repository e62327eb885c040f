"""How many bytes a look at a model takes, as looks at short sequences tell."""

from collections.abc import Mapping

import torch

from rnnlab.cells.sequence_model import SequenceModel
from rnnlab.diagnostics.diagnostic import Diagnostic
from rnnlab.diagnostics.probe import Probe
from rnnlab.foundation.memory import peak, used
from rnnlab.tasks import Task
from rnnlab.training.footprint import Line, lines

FIRST = 128  # steps of the first looks that are compared


def of_looks(
    diagnostics: Mapping[str, Diagnostic], model: SequenceModel, task: Task
) -> dict[str, Line]:
    """Of each diagnostic the bytes by the task's steps, with what those before it have left.

    Args:
        diagnostics: Of the run, by name, in their order.
        model: Of the run, where it is to be looked at.
        task: Of the run. One that cannot be short is not looked at, and no diagnostic is in what is returned.
    """
    first = min(FIRST, task.seq_len)
    while first <= task.seq_len and not _can_be(task, first // 2):
        first *= 2
    if first > task.seq_len or not diagnostics:
        return {}
    device = next(model.parameters()).device

    def taken(steps: int) -> list[float]:
        before, found = used(device), []
        with torch.enable_grad(), torch.random.fork_rng(devices=[]):
            probe = Probe(model, task.at_length(steps), 0)
            for diagnostic in diagnostics.values():
                used(device)
                found.append(peak(device, lambda d=diagnostic: d.measure(probe)) - before)
        return found

    return dict(zip(diagnostics, lines(taken, task.seq_len, first), strict=True))


def _can_be(task: Task, steps: int) -> bool:
    try:
        task.at_length(steps)
    except ValueError:
        return False
    return True
