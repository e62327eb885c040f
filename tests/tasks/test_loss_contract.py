"""What is refused of a task's loss. Oracle: one task that keeps to everything, and one mistake at a time."""

from typing import Any

import pytest
from torch.nn import functional as F

from rnnlab.tasks import Batch, check_task
from tests.support.own_tasks import assert_named, flat, mistaken, numbers

BY_PAIRS = {
    "sample": lambda self, draws: flat(numbers(draws)),
    "loss": lambda self, y, t: ((y - t) ** 2).mean(),
    "errors": lambda self, y, t: (y[:, 0] - t).abs()[:, 0] > 0.1,
}


MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "a loss each sequence": (
        {"loss": lambda self, y, t: ((y - t) ** 2).flatten(1).mean(1)},
        "loss gave a tensor (7,) of torch.float32; wanted: the mean loss, a scalar tensor",
    ),
    "a loss that is not finite": (
        {"loss": lambda self, y, t: F.mse_loss(y, t) / 0},
        "loss gave inf; wanted: a finite number",
    ),
    "what torch warns of": (
        {"sample": lambda self, draws: flat(numbers(draws))},
        (
            "loss raised UserWarning: Using a target size (torch.Size([7, 1])) that is different to "
            "the input size (torch.Size([7, 1, 1]))"
        ),
    ),
    "a broadcast that torch does not warn of": (
        BY_PAIRS,
        (
            "loss does not set each output against the target of its own sequence: "
            "outputs (7, 1, 1) and targets (7, 1) are broadcast"
        ),
    ),
    "one target against two features": (
        {"output_size": 2, "loss": lambda self, y, t: ((y - t) ** 2).mean()},
        "outputs (7, 1, 2) and targets (7, 1, 1) are broadcast",
    ),
    "a sum": (
        {"loss": lambda self, y, t: ((y - t) ** 2).sum()},
        "for the same batch twice; wanted: a mean over the sequences",
    ),
    "a loss without a gradient": (
        {"loss": lambda self, y, t: F.mse_loss(y.detach(), t)},
        "loss gave a tensor without a gradient",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named(mistake: str) -> None:
    assert_named(*MISTAKES[mistake])


def test_a_loss_that_is_linear_outside_of_its_targets_is_no_broadcast() -> None:
    """|y - t| for y below all t: a mean over the batch that no shuffle changes."""
    task = mistaken(
        sample=lambda self, draws: Batch(x := numbers(draws) + 10, x[:, -1:]),
        loss=lambda self, y, t: F.l1_loss(y, t),
    )
    check_task(task)
