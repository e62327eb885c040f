"""What is refused of a task's sample. Oracle: one task that keeps to everything, and one mistake at a time."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from rnnlab.tasks import Batch, Draws
from tests.support.own_tasks import assert_named, flat_steps, numbers


def noisy(draws: Draws, own: torch.Generator) -> Batch:
    return flat_steps(numbers(draws) + torch.rand(draws.sequences, 5, 1, generator=own))


def set_anew(draws: Draws) -> Batch:
    torch.manual_seed(0)
    return flat_steps(numbers(draws) + torch.rand(5, 1))


MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "fewer steps than it says": (
        {"sample": lambda self, draws: Batch(x := numbers(draws)[:, :3], x[:, -1:])},
        "sample gave inputs of 3 steps; wanted: seq_len=5 of them, or more",
    ),
    "inputs of another size": ({"input_size": 2}, "sample gave inputs a tensor (7, 5, 1)"),
    "targets without a step": (
        {"sample": lambda self, draws: Batch(x := numbers(draws), x[:, -1, 0])},
        "sample gave targets a tensor (7,) of torch.float32",
    ),
    "no batch": ({"sample": lambda self, draws: numbers(draws)}, "sample gave a tensor (7, 5, 1)"),
    "NaN in inputs": (
        {"sample": lambda self, draws: Batch(x := numbers(draws) * math.nan, x[:, -1:])},
        "sample gave inputs with NaN",
    ),
    "torch's own randomness": (
        {"sample": lambda self, draws: Batch(x := torch.rand(draws.sequences, 5, 1), x[:, -1:])},
        "sample gave different batches from equal draws",
    ),
    "randomness of its own beside what is drawn": (
        {"sample": lambda self, draws: noisy(draws, torch.Generator().manual_seed(0))},
        "sample gave another sequence 6 where 1 were drawn and not 7; wanted: each sequence made from",
    ),
    "sequences that depend on one another": (
        {"sample": lambda self, draws: flat_steps(numbers(draws).cumsum(0))},
        "sample gave another sequence 6 where 1 were drawn and not 7",
    ),
    "the process's generator of torch, set anew": (
        {"sample": lambda self, draws: set_anew(draws)},
        "sample drew from a generator of the whole process; wanted: all its randomness from the draws",
    ),
    "numpy's generator, whose numbers do not come out": (
        {"sample": lambda self, draws: flat_steps(numbers(draws) + 0 * np.random.rand())},  # noqa: NPY002
        "sample drew from a generator of the whole process",
    ),
    "always the same": (
        {
            "sample": lambda self, draws: Batch(
                x := torch.ones(draws.sequences, 5, 1).cumsum(0), x[:, -1:]
            )
        },
        "sample gave the same inputs from different draws",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named(mistake: str) -> None:
    assert_named(*MISTAKES[mistake])
