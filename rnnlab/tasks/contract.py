"""What a task has to keep to, or what is said of it would be false."""

import inspect
import math

import torch

from rnnlab.foundation.contract import ContractError, attribute, called, refuse
from rnnlab.tasks.answer_contract import check_answers
from rnnlab.tasks.data_contract import check_data
from rnnlab.tasks.loss_contract import check_loss
from rnnlab.tasks.sample_contract import check_sample
from rnnlab.tasks.score_contract import check_scores
from rnnlab.tasks.task import Task


def check_task(task: Task) -> None:
    """Try a task on a few sequences.

    It is sampled, and random outputs between 0 and 1 are scored: one number for each answer's
    features, as a model would give. Checked are the shapes and types of the batch, `loss` and
    `errors`; that both set each output against the target of its own sequence, which a tensor that
    torch has broadcast does not; that `chance` is positive and finite; that classes have a name and a
    probability each; that equal draws give equal batches, and different ones different batches; and
    that a sequence is the same alone as among others. Of a set of data, each split is asked for its
    first and its last sequence. Every run begins with it, and a test of your own task can call it:
    `check_task(FirstBit(seq_len=20))`.

    Raises:
        ContractError: That names the task's class, what it gave and what is wanted.
    """
    _check_numbers(task)
    _check_signature(task)
    check_data(task)
    batch = check_sample(task)
    _check_at_length(task)
    draws = torch.Generator().manual_seed(0)
    outputs = torch.rand(*batch.targets.shape[:2], task.output_size, generator=draws)
    check_loss(task, outputs, batch.targets)
    check_scores(task, outputs, batch)
    check_answers(task, outputs, batch.targets)


def _check_numbers(task: Task) -> None:
    for name in ("input_size", "output_size", "length", "seq_len"):
        if type(value := attribute(task, name)) is not int or value < 1:
            refuse(task, f"{name} is {value!r}", "a whole number of at least 1")
    chance = attribute(task, "chance")
    if type(chance) in (int, float) and chance == 0:
        wanted = f"a task that asks for something: another {task.length_key}={task.length}, or other options"
        refuse(task, "the answer is known without the inputs, and chance is 0", wanted)
    if not _lies_in(chance, 0.0, math.inf):
        refuse(task, f"chance is {chance!r}", "a positive, finite number")
    rate = attribute(task, "solved_below")
    if rate is not None and not _lies_in(rate, 0.0, 1.0):
        refuse(task, f"solved_below is {rate!r}", "a number in (0, 1), or None: no criterion")


def _lies_in(value: object, above: float, below: float) -> bool:
    return isinstance(value, int | float) and above < value < below


def _check_signature(task: Task) -> None:
    signature = inspect.signature(task.sample)
    try:
        signature.bind(None)
    except TypeError:
        names = ", ".join(signature.parameters)
        wanted = (
            "sample(self, draws), whose numbers are draws.uniform(seq_len), draws.integers(0, 2, seq_len) "
            "and so on, (draws.sequences, seq_len)"
        )
        refuse(task, f"sample takes ({names})", wanted)


def _check_at_length(task: Task) -> None:
    """At twice its length, where the task takes that."""
    longer = 2 * task.seq_len
    try:
        other = called(task, "at_length", longer)
    except ContractError as error:
        if isinstance(error.__cause__, ValueError):  # which is how a task refuses a length
            return
        raise
    if not isinstance(other, type(task)) or other.seq_len != longer:
        given = getattr(other, "seq_len", other)
        refuse(task, f"at_length({longer}) gave seq_len={given}", f"the task with {longer} steps")
    sizes, has = ((t.input_size, t.output_size) for t in (other, task))
    if sizes != has:
        wanted = f"{has}, as a model is asked at other lengths than its own; else a ValueError"
        refuse(task, f"at_length({longer}) gave (input_size, output_size)={sizes}", wanted)
