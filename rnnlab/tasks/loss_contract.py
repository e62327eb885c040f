"""What a loss has to be: one number, the mean over sequences of what each output is off its own target."""

import warnings
from typing import Any, NoReturn

import torch
from torch import Tensor

from rnnlab.foundation.contract import a_kind, called, refuse
from rnnlab.tasks.task import Task


def check_loss(task: Task, outputs: Tensor, targets: Tensor) -> None:
    """Try it on outputs between 0 and 1, and on some between the smallest and the largest target.

    Raises:
        ContractError: If it is no such mean.
    """
    _check_number(task, outputs, targets)
    _check_own_targets(task, [outputs, _spread(outputs, targets)], targets)
    _check_features(task, outputs, targets)


def _check_number(task: Task, outputs: Tensor, targets: Tensor) -> None:
    outputs = outputs.clone().requires_grad_()
    loss = scored(task, "loss", outputs, targets)
    if not torch.is_tensor(loss) or loss.dim() != 0 or not loss.is_floating_point():
        refuse(task, f"loss gave {a_kind(loss)}", "the mean loss, a scalar tensor of floats")
    if not loss.isfinite():
        wanted = "a finite number for finite outputs, here between 0 and 1"
        refuse(task, f"loss gave {loss.item()}", wanted)
    if not loss.requires_grad:
        refuse(task, "loss gave a tensor without a gradient", "what the outputs' gradient reaches")
    twice = scored(task, "loss", outputs.repeat(2, 1, 1), torch.cat([targets, targets]))
    if not torch.allclose(loss, twice, rtol=1e-4):
        given = f"{loss.item():.4g} for a batch and {twice.item():.4g} for the same batch twice"
        refuse(task, f"loss gave {given}", "a mean over the sequences")


def _check_own_targets(task: Task, tried: list[Tensor], targets: Tensor) -> None:
    """A mean over all pairs of an output and a target is the same whichever target is whose."""
    shuffled = [targets.roll(n, 0) for n in (1, 2, 3)]
    if all(torch.equal(targets, other) for other in shuffled):
        return

    def is_blind(outputs: Tensor) -> bool:
        loss = scored(task, "loss", outputs, targets)
        others = [scored(task, "loss", outputs, other) for other in shuffled]
        return all(torch.allclose(loss, other, rtol=1e-6, atol=0.0) for other in others)

    if all(map(is_blind, tried)):
        refuse_broadcast(task, "loss", tried[0], targets)


def _check_features(task: Task, outputs: Tensor, targets: Tensor) -> None:
    """Several features against the one number of a target: the mean over them is of a broadcast.

    Where it is, the loss is the mean of the losses of each feature in the place of all.
    """
    if task.output_size == 1 or targets.numel() != outputs[..., 0].numel():
        return
    loss = scored(task, "loss", outputs, targets)
    alike = [outputs[..., [n] * task.output_size] for n in range(task.output_size)]
    each = torch.stack([scored(task, "loss", feature, targets) for feature in alike])
    if torch.allclose(loss, each.mean(), rtol=1e-5) and not torch.allclose(each, loss, rtol=1e-5):
        refuse_broadcast(task, "loss", outputs, targets)


def _spread(outputs: Tensor, targets: Tensor) -> Tensor:
    """Outputs between the smallest and the largest target."""
    if not targets.is_floating_point():
        return outputs
    return targets.min() + (targets.max() - targets.min()) * outputs


def scored(task: Task, method: str, outputs: Tensor, targets: Tensor) -> Any:
    """What `loss` or `errors` gives, where torch's warning of a broadcast is an error."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "Using a target size", UserWarning)
        return called(task, method, outputs, targets)


def refuse_broadcast(task: Task, method: str, outputs: Tensor, targets: Tensor) -> NoReturn:
    """Say that outputs are set against targets that are not their own."""
    refuse(
        task,
        f"{method} does not set each output against the target of its own sequence: outputs "
        f"{tuple(outputs.shape)} and targets {tuple(targets.shape)} are broadcast, or mixed",
        "outputs and targets brought to one shape first",
    )
