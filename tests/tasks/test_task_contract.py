"""What is refused of a user's task. Oracle: one task that keeps to everything, and one mistake at a time."""

import math
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from rnnlab.foundation.contract import ContractError
from rnnlab.tasks import Batch, Draws, Task, check_task
from rnnlab.tasks.adding import Adding
from rnnlab.tasks.copy_memory import CopyMemory
from rnnlab.tasks.score import Score
from rnnlab.tasks.teacher import Teacher
from rnnlab.tasks.temporal_order import TemporalOrder


@dataclass(frozen=True)
class Last(Task):
    """Repeat the last number."""

    seq_len: int = 5  # pyrefly: ignore[bad-override]

    @property
    def input_size(self) -> int:
        return 1

    @property
    def output_size(self) -> int:
        return 1

    @property
    def chance(self) -> float:
        return 1 / 12

    def sample(self, draws: Draws) -> Batch:
        inputs = draws.uniform(self.seq_len, 1)
        return Batch(inputs, inputs[:, -1:])

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return F.mse_loss(outputs, targets)

    def errors(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return ((outputs - targets).abs() > 0.1).flatten(1).any(1)

    def at_length(self, seq_len: int) -> Self:
        return replace(self, seq_len=seq_len)


def flat(inputs: Tensor) -> Batch:
    """Targets (batch, 1) for outputs (batch, 1, 1)."""
    return Batch(inputs, inputs[:, -1])


def mistaken(**members: Any) -> Task:
    return type("Mistaken", (Last,), members)()


def numbers(draws: Draws) -> Tensor:
    return draws.uniform(5, 1)


def flat_steps(inputs: Tensor) -> Batch:
    return Batch(inputs, inputs[:, -1:])


def noisy(draws: Draws, own: torch.Generator) -> Batch:
    return flat_steps(numbers(draws) + torch.rand(draws.sequences, 5, 1, generator=own))


def set_anew(draws: Draws) -> Batch:
    torch.manual_seed(0)
    return flat_steps(numbers(draws) + torch.rand(5, 1))


BY_PAIRS = {
    "sample": lambda self, draws: flat(numbers(draws)),
    "loss": lambda self, y, t: ((y - t) ** 2).mean(),
    "errors": lambda self, y, t: (y[:, 0] - t).abs()[:, 0] > 0.1,
}

MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "one number for all sequences": (
        {"errors": lambda self, y, t: ((y - t).abs() > 0.1).float().mean()},
        (
            "Mistaken.errors gave a tensor () of torch.float32 for 7 sequences; "
            "wanted: (7,) of torch.bool"
        ),
    ),
    "a python number": (
        {"errors": lambda self, y, t: 0.0},
        "errors gave a float for 7 sequences; wanted: (7,) of torch.bool",
    ),
    "an error each answer": (
        {"errors": lambda self, y, t: (y - t).abs() > 0.1},
        "errors gave a tensor (7, 1, 1) of torch.bool",
    ),
    "errors of all sequences together": (
        {"errors": lambda self, y, t: ((y - t).abs().max() > 0.3).expand(len(t))},
        "errors does not set each output against the target of its own sequence",
    ),
    "a loss each sequence": (
        {"loss": lambda self, y, t: ((y - t) ** 2).flatten(1).mean(1)},
        "loss gave a tensor (7,) of torch.float32; wanted: the mean loss, a scalar tensor",
    ),
    "a loss that is not finite": (
        {"loss": lambda self, y, t: F.mse_loss(y, t) / 0},
        "loss gave inf; wanted: a finite number",
    ),
    "classes for what answers are off by": (
        {"off_by": lambda self, y, t: y.argmax(2)},
        "off_by gave a tensor (7, 1) of torch.int64; wanted: (7, answered steps, features) of floats",
    ),
    "answers that are off by the targets of all": (
        {"off_by": lambda self, y, t: y - t[:, :, 0]},
        "off_by does not set each output against the target of its own sequence",
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
    "a property that raises": (
        {"chance": property(lambda self: 1 / 0)},
        "chance raised ZeroDivisionError: division by zero (test_task_contract.py, line ",
    ),
    "a length that is refused by another error": (
        {"at_length": lambda self, n: {}["a"]},
        "at_length raised KeyError: 'a' (test_task_contract.py, line ",
    ),
    "a sum": (
        {"loss": lambda self, y, t: ((y - t) ** 2).sum()},
        "for the same batch twice; wanted: a mean over the sequences",
    ),
    "a loss without a gradient": (
        {"loss": lambda self, y, t: F.mse_loss(y.detach(), t)},
        "loss gave a tensor without a gradient",
    ),
    "errors by pairs within a small margin": (
        {
            "sample": lambda self, draws: flat(numbers(draws)),
            "loss": lambda self, y, t: F.mse_loss(y.view_as(t), t),
            "errors": lambda self, y, t: ((y - t).abs() > 0.001).flatten(1).any(1),
        },
        "errors does not set each output against the target of its own sequence",
    ),
    "one length for all": (
        {"at_length": lambda self, n: self},
        "at_length(10) gave seq_len=5; wanted: the task with 10 steps",
    ),
    "fewer steps than it says": (
        {"sample": lambda self, draws: Batch(x := numbers(draws)[:, :3], x[:, -1:])},
        "sample gave inputs of 3 steps; wanted: seq_len=5 of them, or more",
    ),
    "positions as numbers": (
        {"position_errors": lambda self, y, t: (y - t).abs()},
        "position_errors gave a tensor (7, 1, 1) of torch.float32; wanted: (7, positions) of torch.bool",
    ),
    "no scores": ({"scores": lambda self, y, t: None}, "scores gave a NoneType"),
    "chance zero": ({"chance": 0.0}, "chance is 0.0; wanted: a positive, finite number"),
    "chance infinite": ({"chance": math.inf}, "chance is inf"),
    "chance a tensor": ({"chance": torch.tensor(1.0)}, "chance is tensor(1.)"),
    "solved whatever comes": ({"solved_below": 1.5}, "solved_below is 1.5; wanted: a number in"),
    "sizes": ({"input_size": 0}, "input_size is 0; wanted: a whole number of at least 1"),
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
    "what version 0.1 had": (
        {"sample": lambda self, batch_size, generator: None},
        (
            "sample takes (batch_size, generator); wanted: sample(self, draws), whose numbers are "
            "draws.uniform(seq_len)"
        ),
    ),
    "always the same": (
        {
            "sample": lambda self, draws: Batch(
                x := torch.ones(draws.sequences, 5, 1).cumsum(0), x[:, -1:]
            )
        },
        "sample gave the same inputs from different draws",
    ),
    "an error of its own": (
        {"errors": lambda self, y, t: y[:, 5]},
        (
            "errors raised IndexError: index 5 is out of bounds for dimension 1 with size 1 "
            "(test_task_contract.py, line "
        ),
    ),
    "scores": (
        {"scores": lambda self, y, t: {"bits": y.mean()}},
        "scores['bits'] gave a tensor () of torch.float32; wanted: (7,): a number for each",
    ),
}


@pytest.mark.parametrize(
    "task", [Last(), Adding(), CopyMemory(), TemporalOrder(), Teacher()], ids=str
)
def test_what_keeps_to_it_passes(task: Task) -> None:
    state = torch.get_rng_state()
    check_task(task)
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named(mistake: str) -> None:
    members, message = MISTAKES[mistake]
    with pytest.raises(ContractError) as refused:
        check_task(mistaken(**members))
    assert str(refused.value).startswith("Mistaken.")
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_loss_that_is_linear_outside_of_its_targets_is_no_broadcast() -> None:
    """|y - t| for y below all t: a mean over the batch that no shuffle changes."""
    task = mistaken(
        sample=lambda self, draws: Batch(x := numbers(draws) + 10, x[:, -1:]),
        loss=lambda self, y, t: F.l1_loss(y, t),
    )
    check_task(task)


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


def test_an_answer_that_is_not_finite_is_wrong() -> None:
    """Also for a task whose own comparison, as of NaN with a bound, says nothing."""
    score, targets = Score(), torch.zeros(4, 1, 1)
    outputs = torch.tensor([0.0, math.nan, math.inf, 0.0]).view(4, 1, 1)
    assert Last().errors(outputs, targets).tolist() == [False, False, True, False]
    score.add(Last(), outputs, targets)
    assert score.means("test")["test/error"] == 0.5
