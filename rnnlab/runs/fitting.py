"""Whether a checkpoint, whole as it may be, is one of this run: asked before Lightning begins with it."""

import copy
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from rnnlab.foundation.masking import first_line
from rnnlab.training import checkpoints
from rnnlab.training.module import TrainingModule

KEPT = {
    "pytorch-lightning_version": str,
    "epoch": int,
    "global_step": int,
    "loops": dict,
    "callbacks": dict,
    "state_dict": dict,
    "optimizer_states": list,
    "lr_schedulers": list,
}
"""What Lightning asks a checkpoint for."""


def load_weights(module: TrainingModule, checkpoint: Mapping[str, Any], path: Path) -> None:
    """The weights that are to be tested.

    Raises:
        ValueError: If they are not those of the module's model.
    """
    try:
        module.load_tested(checkpoint)
    except (LookupError, TypeError, AttributeError, RuntimeError) as error:
        raise ValueError(f"{path} has no weights for {_called(module)}: {_said(error)}") from error


def refuse_unfit(module: TrainingModule, path: Path) -> None:
    """See that a run can go on from a checkpoint; its model then has the weights of that.

    Raises:
        ValueError: If something of it is missing, or is of another model or optimizer.
    """
    checkpoint = checkpoints.load(path)
    for key, kind in KEPT.items():
        if not isinstance(checkpoint.get(key), kind):
            raise ValueError(f"{path} is no checkpoint to go on from: {key} is no {kind.__name__}")
    _refuse_version(checkpoint["pytorch-lightning_version"], path)
    load_weights(module, checkpoint, path)
    try:
        module.take_up_states(checkpoint)
    except ValueError as error:
        raise ValueError(f"{path} is no checkpoint to go on from: {error}") from error
    model = copy.deepcopy(module.model)
    states = copy.deepcopy((checkpoint["optimizer_states"], checkpoint["lr_schedulers"]))
    try:
        optimizer = module.make_optimizer(model.parameters())
        schedules = [] if module.make_schedule is None else [module.make_schedule(optimizer)]
        for parts, kept in zip(([optimizer], schedules), states, strict=True):
            for part, state in zip(parts, kept, strict=True):
                part.load_state_dict(state)
        for parameter in model.parameters():
            parameter.grad = torch.zeros_like(parameter)
        optimizer.step()  # or a setting that is no number would be met in training
    except (LookupError, TypeError, AttributeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"{path} has no state for the optimizer of this run: {_said(error)}"
        ) from error


def _refuse_version(version: str, path: Path) -> None:
    """Lightning rewrites the checkpoints of its older majors, and trips over what is no version."""
    if not re.match(rf"{pl.__version__.partition('.')[0]}\.\d", version):
        raise ValueError(
            f"{path} is of Lightning {version!r}, and this is {pl.__version__}: it goes on with its own"
        )


def _called(module: TrainingModule) -> str:
    return f"this model of {module.model.num_params} parameters"


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {first_line(error)}"
