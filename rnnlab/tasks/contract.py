"""What a task has to keep to, or what is said of it would be false."""

import inspect
import math
import random
import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rnnlab.foundation.contract import ContractError, attribute, called, kind, refuse
from rnnlab.tasks.draws import Draws
from rnnlab.tasks.philox import Part
from rnnlab.tasks.task import Batch, Task

PRIMES = (7, 11, 13, 17, 19, 23, 29)


def check_task(task: Task) -> None:
    """Try a task on a few sequences.

    It is sampled, and random outputs between 0 and 1 are scored: one number for each answer's
    features, as a model would give. Checked are the shapes and types of the batch, `loss` and
    `errors`; that both set each output against the target of its own sequence, which a tensor that
    torch has broadcast does not; that `chance` is positive and finite; that equal draws give equal
    batches, and different ones different batches; and that a sequence is the same alone as among
    others. Every run begins with it, and a test of your own task can call it:
    `check_task(FirstBit(seq_len=20))`.

    Raises:
        ContractError: That names the task's class, what it gave and what is wanted.
    """
    _check_numbers(task)
    _check_signature(task)
    states = _states()
    batch = _check_sample(task)
    _check_draws(task, batch, states)
    _check_at_length(task)
    draws = torch.Generator().manual_seed(0)
    outputs = torch.rand(*batch.targets.shape[:2], task.output_size, generator=draws)
    _check_loss(task, outputs, batch.targets)
    _check_own_targets(task, [outputs, _spread(outputs, batch.targets)], batch.targets)
    _check_features(task, outputs, batch.targets)
    for answers in (outputs, *_right_answers(outputs, batch.targets)):
        _check_errors(task, answers, batch.targets)
    _check_scores(task, outputs, batch)
    _check_off_by(task, outputs, batch.targets)


def _check_numbers(task: Task) -> None:
    for name in ("input_size", "output_size", "length", "seq_len"):
        if type(value := attribute(task, name)) is not int or value < 1:
            refuse(task, f"{name} is {value!r}", "a whole number of at least 1")
    for name, most in (("chance", math.inf), ("solved_below", 1.0)):
        value = attribute(task, name)
        if not isinstance(value, int | float) or not 0 < value < most or math.isnan(value):
            least = "a positive, finite number" if name == "chance" else "a number in (0, 1)"
            refuse(task, f"{name} is {value!r}", least)


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


def _sample(task: Task, *parts: Part) -> Any:
    return called(task, "sample", Draws(0, "diagnostics", parts))


def _check_sample(task: Task) -> Batch:
    """A batch of a size that is no other size of it, so that no mistake about sizes goes unseen."""
    for count in PRIMES:
        batch = _sample(task, Part(0, 0, count))
        if not (isinstance(batch, tuple) and len(batch) == 2 and all(map(torch.is_tensor, batch))):
            refuse(task, f"sample gave {_kind(batch)}", "Batch(inputs, targets), two tensors")
        sizes = {*batch[0].shape[1:], *batch[1].shape[1:], task.output_size}
        if count not in sizes:
            break
    _check_shapes(task, Batch(*batch), count)
    return Batch(*batch)


def _check_shapes(task: Task, batch: Batch, count: int) -> None:
    inputs, targets = batch
    if inputs.dim() != 3 or inputs.shape[::2] != (count, task.input_size):
        wanted = f"(batch, seq_len, input_size) = ({count}, {task.seq_len}, {task.input_size})"
        refuse(task, f"sample gave inputs {_kind(inputs)}", wanted)
    if inputs.size(1) < task.seq_len:
        wanted = f"seq_len={task.seq_len} of them, or more"
        refuse(task, f"sample gave inputs of {inputs.size(1)} steps", wanted)
    if targets.dim() < 2 or len(targets) != count or not 0 < targets.size(1) <= inputs.size(1):
        wanted = (
            f"(batch, target_len, ...) with batch = {count}, target_len at most {inputs.size(1)}"
        )
        refuse(task, f"sample gave targets {_kind(targets)}", wanted)
    for name, tensor in (("inputs", inputs), ("targets", targets)):
        if not tensor.isfinite().all():
            refuse(task, f"sample gave {name} with NaN or infinity in them", "finite numbers")


def _check_draws(task: Task, batch: Batch, states: tuple[object, ...]) -> None:
    count, wanted = len(batch.inputs), "all its randomness from the draws that it is given"
    again = _sample(task, Part(0, 0, count))
    if not all(map(torch.equal, batch, again)):
        wanted += ", or no two runs see the same data"
        refuse(task, "sample gave different batches from equal draws", wanted)
    if _states() != states:
        refuse(task, "sample drew from a generator of the whole process", wanted)
    others = [_sample(task, Part(n, 0, count))[0] for n in range(1, 5)]
    if all(torch.equal(batch.inputs, other) for other in others):
        wanted = "inputs that are drawn from the draws that it is given, new ones in each batch"
        refuse(task, "sample gave the same inputs from different draws", wanted)
    for first, number in ((0, 1), (count - 1, 1), (1, count - 2)):
        _check_apart(task, batch, first, number)


def _check_apart(task: Task, batch: Batch, first: int, count: int) -> None:
    """Some sequences of a batch drawn without the others: to rounding, which may go by the size of a product."""
    for together, apart in zip(batch, _sample(task, Part(0, first, count)), strict=True):
        expected = together[first : first + count]
        if apart.shape != expected.shape or not torch.allclose(
            apart.double(), expected.double(), rtol=1e-4, atol=1e-5
        ):
            refuse(
                task,
                f"sample gave another sequence {first} where {count} were drawn and not {len(together)}",
                "each sequence made from its own row of what is drawn, whatever is beside it",
            )


def _states() -> tuple[object, ...]:
    """Of the generators that anything in the process may draw from."""
    return torch.get_rng_state().tolist(), str(np.random.get_state()), random.getstate()  # noqa: NPY002


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


def _check_loss(task: Task, outputs: Tensor, targets: Tensor) -> None:
    outputs = outputs.clone().requires_grad_()
    loss = _scored(task, "loss", outputs, targets)
    if not torch.is_tensor(loss) or loss.dim() != 0 or not loss.is_floating_point():
        refuse(task, f"loss gave {_kind(loss)}", "the mean loss, a scalar tensor of floats")
    if not loss.isfinite():
        wanted = "a finite number for finite outputs, here between 0 and 1"
        refuse(task, f"loss gave {loss.item()}", wanted)
    if not loss.requires_grad:
        refuse(task, "loss gave a tensor without a gradient", "what the outputs' gradient reaches")
    twice = _scored(task, "loss", outputs.repeat(2, 1, 1), torch.cat([targets, targets]))
    if not torch.allclose(loss, twice, rtol=1e-4):
        given = f"{loss.item():.4g} for a batch and {twice.item():.4g} for the same batch twice"
        refuse(task, f"loss gave {given}", "a mean over the sequences")


def _check_own_targets(task: Task, tried: list[Tensor], targets: Tensor) -> None:
    """A mean over all pairs of an output and a target is the same whichever target is whose."""
    shuffled = [targets.roll(n, 0) for n in (1, 2, 3)]
    if all(torch.equal(targets, other) for other in shuffled):
        return

    def is_blind(outputs: Tensor) -> bool:
        loss = _scored(task, "loss", outputs, targets)
        others = [_scored(task, "loss", outputs, other) for other in shuffled]
        return all(torch.allclose(loss, other, rtol=1e-6, atol=0.0) for other in others)

    if all(map(is_blind, tried)):
        _refuse_broadcast(task, "loss", tried[0], targets)


def _check_features(task: Task, outputs: Tensor, targets: Tensor) -> None:
    """Several features against the one number of a target: the mean over them is of a broadcast.

    Where it is, the loss is the mean of the losses of each feature in the place of all.
    """
    if task.output_size == 1 or targets.numel() != outputs[..., 0].numel():
        return
    loss = _scored(task, "loss", outputs, targets)
    alike = [outputs[..., [n] * task.output_size] for n in range(task.output_size)]
    each = torch.stack([_scored(task, "loss", feature, targets) for feature in alike])
    if torch.allclose(loss, each.mean(), rtol=1e-5) and not torch.allclose(each, loss, rtol=1e-5):
        _refuse_broadcast(task, "loss", outputs, targets)


def _spread(outputs: Tensor, targets: Tensor) -> Tensor:
    """Outputs between the smallest and the largest target."""
    if not targets.is_floating_point():
        return outputs
    return targets.min() + (targets.max() - targets.min()) * outputs


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


def _check_errors(task: Task, outputs: Tensor, targets: Tensor) -> None:
    errors, count = _scored(task, "errors", outputs, targets), len(targets)
    if not torch.is_tensor(errors) or errors.shape != (count,) or errors.dtype != torch.bool:
        wanted = f"({count},) of torch.bool: whether each of the {count} sequences is wrong"
        refuse(task, f"errors gave {_kind(errors)} for {count} sequences", wanted)
    for i in range(count):
        alone = _scored(task, "errors", outputs[i : i + 1], targets[i : i + 1])
        if bool(alone) is not bool(errors[i]):
            _refuse_broadcast(task, "errors", outputs, targets)


def _check_scores(task: Task, outputs: Tensor, batch: Batch) -> None:
    count = len(batch.targets)
    scores = called(task, "scores", outputs, batch.targets)
    if not isinstance(scores, dict):
        refuse(task, f"scores gave {_kind(scores)}", "figures by name, each (batch,)")
    given = {f"scores[{k!r}]": v for k, v in scores.items()}
    if (lags := called(task, "lags", batch)) is not None:
        given["lags"] = lags
    at = called(task, "position_errors", outputs, batch.targets)
    if at is not None and not (torch.is_tensor(at) and at.dim() == 2 and at.dtype == torch.bool):
        refuse(task, f"position_errors gave {_kind(at)}", f"({count}, positions) of torch.bool")
    for name, value in given.items():
        if not torch.is_tensor(value) or value.shape != (count,):
            refuse(task, f"{name} gave {_kind(value)}", f"({count},): a number for each sequence")


def _check_off_by(task: Task, outputs: Tensor, targets: Tensor) -> None:
    off_by, count = called(task, "off_by", outputs, targets), len(targets)
    if off_by is None:
        return
    kept = isinstance(off_by, Tensor) and off_by.is_floating_point() and off_by.dim() == 3
    if not (kept and len(off_by) == count):
        wanted = f"({count}, answered steps, features) of floats: each answer minus its target"
        refuse(task, f"off_by gave {_kind(off_by)}", wanted)
    alone = called(task, "off_by", outputs[:1], targets[:1])
    if alone.shape[1:] != off_by.shape[1:] or not torch.allclose(alone[0], off_by[0], rtol=1e-4):
        _refuse_broadcast(task, "off_by", outputs, targets)


def _scored(task: Task, method: str, outputs: Tensor, targets: Tensor) -> Any:
    """What `loss` or `errors` gives, where torch's warning of a broadcast is an error."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "Using a target size", UserWarning)
        return called(task, method, outputs, targets)


def _refuse_broadcast(task: Task, method: str, outputs: Tensor, targets: Tensor) -> None:
    refuse(
        task,
        f"{method} does not set each output against the target of its own sequence: outputs "
        f"{tuple(outputs.shape)} and targets {tuple(targets.shape)} are broadcast, or mixed",
        "outputs and targets brought to one shape first",
    )


def _kind(value: object) -> str:
    """`a tensor (7, 1) of torch.float32`, `a float`"""
    return f"a {kind(value)}" if isinstance(value, Tensor) else kind(value)
