"""What is said of a task's answers has to be: their classes, the probabilities of these, when they come."""

import torch
from torch import Tensor

from rnnlab.foundation.contract import a_kind, attribute, called, refuse
from rnnlab.tasks.task import Task


def check_answers(task: Task, outputs: Tensor, targets: Tensor) -> None:
    """Try `answers_once`, `class_names` and `probabilities`.

    Raises:
        ContractError: If one is of another kind, or they do not fit one another.
    """
    steps = targets.size(1)
    if (once := attribute(task, "answers_once")) is not (steps == 1):
        wanted = f"{steps == 1}, as its targets are {tuple(targets.shape)}"
        refuse(task, f"answers_once is {once!r}", wanted)
    names = attribute(task, "class_names")
    if names is not None:
        _check_names(task, names)
    _check_probabilities(task, outputs, named=names is not None)


def _check_names(task: Task, names: object) -> None:
    texts = isinstance(names, tuple) and all(isinstance(name, str) and name for name in names)
    if not texts or len({*names}) != len(names) or len(names) != task.output_size:
        wanted = f"{task.output_size} names that differ, a tuple of texts, one for each output"
        refuse(task, f"class_names is {names!r}", wanted)


def _check_probabilities(task: Task, outputs: Tensor, named: bool) -> None:
    given = called(task, "probabilities", outputs)
    if given is None and not named:
        return
    like = isinstance(given, Tensor) and given.shape == outputs.shape
    if not (like and given.is_floating_point() and bool(((given >= 0) & (given <= 1)).all())):
        wanted = f"numbers in [0, 1], {tuple(outputs.shape)}, as the outputs are"
        refuse(task, f"probabilities gave {a_kind(given)}", wanted)
    alone = called(task, "probabilities", outputs[:1])
    if alone.shape != given[:1].shape or not torch.allclose(alone, given[:1], rtol=1e-4):
        gave = "other numbers for a sequence alone than for it among others"
        refuse(task, f"probabilities gave {gave}", "numbers that go by each step's own outputs")
