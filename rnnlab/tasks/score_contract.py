"""What errors and scores have to be: of each sequence, against its own target."""

import torch
from torch import Tensor

from rnnlab.foundation.contract import a_kind, attribute, called, refuse
from rnnlab.tasks.batch import Batch
from rnnlab.tasks.loss_contract import refuse_broadcast, scored
from rnnlab.tasks.task import Task


def check_scores(task: Task, outputs: Tensor, batch: Batch) -> None:
    """Try `errors`, `scores` and what goes with them.

    Raises:
        ContractError: If one is of another shape, or mixes sequences.
    """
    for answers in (outputs, *_right_answers(outputs, batch.targets)):
        _check_errors(task, answers, batch.targets)
    _check_shapes(task, outputs, batch)
    _check_off_by(task, outputs, batch.targets)


def _check_errors(task: Task, outputs: Tensor, targets: Tensor) -> None:
    errors, count = scored(task, "errors", outputs, targets), len(targets)
    if not torch.is_tensor(errors) or errors.shape != (count,) or errors.dtype != torch.bool:
        wanted = f"({count},) of torch.bool: whether each of the {count} sequences is wrong"
        refuse(task, f"errors gave {a_kind(errors)} for {count} sequences", wanted)
    for i in range(count):
        alone = scored(task, "errors", outputs[i : i + 1], targets[i : i + 1])
        if bool(alone) is not bool(errors[i]):
            refuse_broadcast(task, "errors", outputs, targets)


def _check_shapes(task: Task, outputs: Tensor, batch: Batch) -> None:
    count = len(batch.targets)
    scores = called(task, "scores", outputs, batch.targets)
    if not isinstance(scores, dict):
        refuse(task, f"scores gave {a_kind(scores)}", "figures by name, each (batch,)")
    given = {f"scores[{k!r}]": v for k, v in scores.items()}
    if (lags := called(task, "lags", batch)) is not None:
        given["lags"] = lags
    at = called(task, "position_errors", outputs, batch.targets)
    if at is not None and not (torch.is_tensor(at) and at.dim() == 2 and at.dtype == torch.bool):
        refuse(task, f"position_errors gave {a_kind(at)}", f"({count}, positions) of torch.bool")
    if (accuracy := called(task, "accuracy", outputs, batch.targets)) is not None:
        given["accuracy"] = accuracy
    elif (level := attribute(task, "chance_accuracy")) is not None:
        wanted = "None, or an accuracy to set beside it: class_names, and position_errors of several answers"
        refuse(task, f"chance_accuracy is {level!r} and there is no accuracy", wanted)
    for name, value in given.items():
        if not torch.is_tensor(value) or value.shape != (count,):
            refuse(task, f"{name} gave {a_kind(value)}", f"({count},): a number for each sequence")


def _check_off_by(task: Task, outputs: Tensor, targets: Tensor) -> None:
    off_by, count = called(task, "off_by", outputs, targets), len(targets)
    if off_by is None:
        return
    kept = isinstance(off_by, Tensor) and off_by.is_floating_point() and off_by.dim() == 3
    if not (kept and len(off_by) == count):
        wanted = f"({count}, answered steps, features) of floats: each answer minus its target"
        refuse(task, f"off_by gave {a_kind(off_by)}", wanted)
    alone = called(task, "off_by", outputs[:1], targets[:1])
    if alone.shape[1:] != off_by.shape[1:] or not torch.allclose(alone[0], off_by[0], rtol=1e-4):
        refuse_broadcast(task, "off_by", outputs, targets)


def _right_answers(outputs: Tensor, targets: Tensor) -> list[Tensor]:
    """For every second sequence the target itself, where that can be told: so that not all are wrong."""
    if targets.is_floating_point() and targets.numel() == outputs.numel():
        right = targets.view_as(outputs).clone().to(outputs)
    elif not targets.is_floating_point() and targets.dim() == 2:
        classes = torch.arange(outputs.size(2))
        right = 40.0 * (targets.unsqueeze(2) == classes).to(outputs)
    else:
        return []
    right[::2] = outputs[::2]
    return [right]
