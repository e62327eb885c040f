"""What is refused of a user's task. Oracle: one task that keeps to everything, and one mistake at a time."""

import math
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from rnnlab.tasks import Task, check_task
from rnnlab.tasks.adding import Adding
from rnnlab.tasks.copy_memory import CopyMemory
from rnnlab.tasks.teacher import Teacher
from rnnlab.tasks.temporal_order import TemporalOrder
from tests.support.own_tasks import Last, assert_named, mistaken

MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "a property that raises": (
        {"chance": property(lambda self: 1 / 0)},
        "chance raised ZeroDivisionError: division by zero (test_task_contract.py, line ",
    ),
    "a length that is refused by another error": (
        {"at_length": lambda self, n: {}["a"]},
        "at_length raised KeyError: 'a' (test_task_contract.py, line ",
    ),
    "one length for all": (
        {"at_length": lambda self, n: self},
        "at_length(10) gave seq_len=5; wanted: the task with 10 steps",
    ),
    "an output for each step": (
        {"output_size": property(lambda self: self.seq_len)},
        "at_length(10) gave (input_size, output_size)=(1, 10); wanted: (1, 5), as a model is asked",
    ),
    "chance zero": (
        {"chance": 0.0},
        "the answer is known without the inputs, and chance is 0; wanted: a task that asks for something: another seq_len=5",
    ),
    "chance below zero": ({"chance": -1.0}, "chance is -1.0; wanted: a positive, finite number"),
    "chance infinite": ({"chance": math.inf}, "chance is inf"),
    "chance a tensor": ({"chance": torch.tensor(1.0)}, "chance is tensor(1.)"),
    "solved whatever comes": ({"solved_below": 1.5}, "solved_below is 1.5; wanted: a number in"),
    "sizes": ({"input_size": 0}, "input_size is 0; wanted: a whole number of at least 1"),
    "what version 0.1 had": (
        {"sample": lambda self, batch_size, generator: None},
        (
            "sample takes (batch_size, generator); wanted: sample(self, draws), whose numbers are "
            "draws.uniform(seq_len)"
        ),
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named(mistake: str) -> None:
    assert_named(*MISTAKES[mistake])


@pytest.mark.parametrize(
    "task", [Last(), Adding(), CopyMemory(), TemporalOrder(), Teacher()], ids=str
)
def test_what_keeps_to_it_passes(task: Task) -> None:
    state = torch.get_rng_state()
    check_task(task)
    assert torch.equal(state, torch.get_rng_state())


def refuses(task: Task, seq_len: int) -> Task:
    raise ValueError(f"seq_len={seq_len} is too large: at most 5")


FITTING: dict[str, dict[str, Any]] = {
    "a task of one length": {"at_length": refuses},
    "a mean and a log variance for one target": {
        "output_size": 2,
        "loss": lambda self, y, t: F.gaussian_nll_loss(y[..., :1], t, y[..., 1:].exp()),
        "errors": lambda self, y, t: ((y[..., :1] - t).abs() > 0.1).flatten(1).any(1),
    },
    "the sum of two features": {
        "output_size": 2,
        "loss": lambda self, y, t: F.mse_loss(y.sum(-1, keepdim=True), t),
        "errors": lambda self, y, t: ((y.sum(-1, keepdim=True) - t).abs() > 0.1).flatten(1).any(1),
    },
}


@pytest.mark.parametrize("members", FITTING.values(), ids=FITTING)
def test_what_only_looks_like_a_mistake_passes(members: dict[str, Any]) -> None:
    check_task(mistaken(**members))
