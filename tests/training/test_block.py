"""How many updates a block has changes no bit. Oracle: the same updates in blocks of one."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, autocast
from torch.optim import SGD, Adam, AdamW, Optimizer, lr_scheduler

from rnnlab.cells.elman import ElmanCell
from rnnlab.cells.sequence_model import SequenceModel
from rnnlab.training.block import Blocks
from rnnlab.training.clipping import ClipNorm
from rnnlab.training.settings import TrainSettings
from tests.support.training import TASK, Wrapped, fit, module_of

STEPS = 12
OPTIMIZERS: dict[str, Callable[[Iterable[Tensor]], Optimizer]] = {
    name: partial(getattr(torch.optim, name), lr=0.01)
    for name in (
        *("Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "ASGD", "NAdam", "RAdam"),
        *("RMSprop", "Rprop", "SGD"),
    )
}
OPTIMIZERS |= {
    "Adam, fused": partial(Adam, lr=0.01, fused=True),
    "Adam, fused, amsgrad": partial(Adam, lr=0.01, fused=True, amsgrad=True, weight_decay=0.1),
    "AdamW, fused": partial(AdamW, lr=0.01, fused=True),
    "Adagrad, fused": partial(torch.optim.Adagrad, lr=0.01, fused=True),
    "SGD, fused": partial(SGD, lr=0.01, momentum=0.9, fused=True),
}
SCHEDULES: dict[str, Callable[[Optimizer], Any]] = {
    "CosineAnnealingLR": partial(lr_scheduler.CosineAnnealingLR, T_max=STEPS),
    "CosineAnnealingWarmRestarts": partial(lr_scheduler.CosineAnnealingWarmRestarts, T_0=5),
    "ConstantLR": partial(lr_scheduler.ConstantLR, total_iters=5),
    "CyclicLR": partial(
        lr_scheduler.CyclicLR, base_lr=0.001, max_lr=0.02, step_size_up=3, cycle_momentum=True
    ),
    "ExponentialLR": partial(lr_scheduler.ExponentialLR, gamma=0.9),
    "LambdaLR": partial(lr_scheduler.LambdaLR, lr_lambda=lambda n: 1 / (1 + n)),
    "LinearLR": partial(lr_scheduler.LinearLR, total_iters=5),
    "MultiplicativeLR": partial(lr_scheduler.MultiplicativeLR, lr_lambda=lambda n: 0.9),
    "MultiStepLR": partial(lr_scheduler.MultiStepLR, milestones=[3, 7]),
    "OneCycleLR": partial(lr_scheduler.OneCycleLR, max_lr=0.02, total_steps=STEPS + 1),
    "PolynomialLR": partial(lr_scheduler.PolynomialLR, total_iters=STEPS),
    "StepLR": partial(lr_scheduler.StepLR, step_size=4),
    "SWALR": partial(torch.optim.swa_utils.SWALR, swa_lr=0.05, anneal_epochs=3),
    "SequentialLR": lambda optimizer: lr_scheduler.SequentialLR(
        optimizer,
        [
            lr_scheduler.ConstantLR(optimizer),
            lr_scheduler.OneCycleLR(optimizer, max_lr=0.02, total_steps=STEPS),
        ],
        milestones=[5],
    ),
    "ChainedScheduler": lambda optimizer: lr_scheduler.ChainedScheduler(
        [lr_scheduler.ConstantLR(optimizer), lr_scheduler.ExponentialLR(optimizer, gamma=0.9)]
    ),
}
FUSED = ("Adam, fused", "AdamW, fused", "SGD, fused")


def trained(
    block: int,
    optimizer: Callable[[Iterable[Tensor]], Optimizer],
    schedule: Callable[[Optimizer], Any] | None = None,
    dropout: float = 0.0,
    shortest: int | None = None,
    around: Callable[[], AbstractContextManager[Any]] = nullcontext,
) -> Tensor:
    """The weights after some updates."""
    torch.manual_seed(0)
    cell = partial(ElmanCell, hidden_size=5)
    model = SequenceModel(cell, TASK.input_size, TASK.output_size, num_layers=2, dropout=dropout)
    model.train()
    wrapped: Any = Wrapped(optimizer(model.parameters()))
    stepped = None if schedule is None else schedule(wrapped.optimizer)
    settings = TrainSettings(STEPS, 4, shortest, block=block, val_every=STEPS)
    blocks = Blocks(model, TASK, ClipNorm(0.5), settings, seed=3)
    for start in range(0, STEPS, block):
        with around():
            blocks.make(start, wrapped, stepped)
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def the_same(weights: Callable[[int], Tensor], blocks: tuple[int, int]) -> Tensor:
    """The weights of blocks of one, which those of larger blocks equal to the bit."""
    one = weights(1)
    for block in blocks:
        assert torch.equal(weights(block), one)
    return one


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_of_any_optimizer(optimizer: str) -> None:
    the_same(lambda block: trained(block, OPTIMIZERS[optimizer]), (4, STEPS))


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", FUSED)
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_of_any_schedule(schedule: str, optimizer: str) -> None:
    """Some move betas, or momentum, besides the learning rate."""
    make = OPTIMIZERS[optimizer]
    one = the_same(lambda block: trained(block, make, SCHEDULES[schedule]), (4, STEPS))
    assert not torch.equal(one, trained(1, make))


@pytest.mark.parametrize("optimizer", FUSED)
def test_of_a_plateau(optimizer: str, tmp_path: Path) -> None:
    """It steps at validations, whose losses it wants."""
    plateau = partial(lr_scheduler.ReduceLROnPlateau, patience=0, threshold=0.99, factor=0.1)

    def weights(block: int, schedule: Any = plateau) -> Tensor:
        module = module_of(
            12, block, val_every=4, optimizer=OPTIMIZERS[optimizer], schedule=schedule
        )
        fit(module, tmp_path / f"{block} {schedule is None}")
        return torch.cat([weight.detach().flatten() for weight in module.parameters()])

    assert not torch.equal(the_same(weights, (2, 4)), weights(1, schedule=None))


@pytest.mark.parametrize("more", [{"dropout": 0.4}, {"shortest": 5}], ids=str)
def test_of_dropout_and_of_lengths_that_batches_draw(more: dict[str, Any]) -> None:
    make = OPTIMIZERS["Adam, fused"]
    one = the_same(lambda block: trained(block, make, **more), (4, STEPS))
    assert not torch.equal(one, trained(1, make))


def test_in_mixed_precision() -> None:
    """Lightning opens autocast once a block, and torch would keep the weights in 16 bits for all of it."""

    def weights(block: int) -> Tensor:
        return trained(block, OPTIMIZERS["Adam, fused"], around=partial(autocast, "cpu"))

    one = the_same(weights, (4, STEPS))
    assert not torch.equal(one, trained(1, OPTIMIZERS["Adam, fused"]))


def test_all_that_torch_has_is_tried() -> None:
    """But for those that a run cannot have."""
    not_for_runs = {"LBFGS", "SparseAdam", "Muon", "Optimizer"}  # a closure, sparse, matrices alone
    known = {name for name in vars(torch.optim) if _is_kind(torch.optim, name, Optimizer)}
    assert known - not_for_runs == {name for name in OPTIMIZERS if "," not in name}
    not_for_runs = {"LRScheduler", "_LRScheduler"}  # what the others are made from
    not_for_runs |= {"ReduceLROnPlateau"}  # see test_of_a_plateau
    kinds = {
        name
        for name in vars(lr_scheduler)
        if _is_kind(lr_scheduler, name, lr_scheduler.LRScheduler)
    }
    assert kinds - not_for_runs == set(SCHEDULES) - {"SWALR"}


def _is_kind(module: Any, name: str, kind: type) -> bool:
    found = getattr(module, name)
    return isinstance(found, type) and issubclass(found, kind)
