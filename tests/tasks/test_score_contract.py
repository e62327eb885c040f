"""What is refused of a task's errors and scores. Oracle: one task that keeps to everything, and one mistake at a time."""

import math
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from rnnlab.tasks.score import Score
from tests.support.own_tasks import Last, assert_named, flat, numbers

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
    "classes for what answers are off by": (
        {"off_by": lambda self, y, t: y.argmax(2)},
        "off_by gave a tensor (7, 1) of torch.int64; wanted: (7, answered steps, features) of floats",
    ),
    "answers that are off by the targets of all": (
        {"off_by": lambda self, y, t: y - t[:, :, 0]},
        "off_by does not set each output against the target of its own sequence",
    ),
    "errors by pairs within a small margin": (
        {
            "sample": lambda self, draws: flat(numbers(draws)),
            "loss": lambda self, y, t: F.mse_loss(y.view_as(t), t),
            "errors": lambda self, y, t: ((y - t).abs() > 0.001).flatten(1).any(1),
        },
        "errors does not set each output against the target of its own sequence",
    ),
    "an accuracy of all": (
        {"accuracy": lambda self, y, t: y.mean()},
        "accuracy gave a tensor () of torch.float32; wanted: (7,): a number for each sequence",
    ),
    "a level of an accuracy that there is not": (
        {"chance_accuracy": 0.5},
        "chance_accuracy is 0.5 and there is no accuracy; wanted: None, or an accuracy to set beside it",
    ),
    "positions as numbers": (
        {"position_errors": lambda self, y, t: (y - t).abs()},
        "position_errors gave a tensor (7, 1, 1) of torch.float32; wanted: (7, positions) of torch.bool",
    ),
    "no scores": ({"scores": lambda self, y, t: None}, "scores gave a NoneType"),
    "an error of its own": (
        {"errors": lambda self, y, t: y[:, 5]},
        (
            "errors raised IndexError: index 5 is out of bounds for dimension 1 with size 1 "
            "(test_score_contract.py, line "
        ),
    ),
    "scores": (
        {"scores": lambda self, y, t: {"bits": y.mean()}},
        "scores['bits'] gave a tensor () of torch.float32; wanted: (7,): a number for each",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named(mistake: str) -> None:
    assert_named(*MISTAKES[mistake])


def test_an_answer_that_is_not_finite_is_wrong() -> None:
    """Also for a task whose own comparison, as of NaN with a bound, says nothing."""
    score, targets = Score(), torch.zeros(4, 1, 1)
    outputs = torch.tensor([0.0, math.nan, math.inf, 0.0]).view(4, 1, 1)
    assert Last().errors(outputs, targets).tolist() == [False, False, True, False]
    score.add(Last(), outputs, targets)
    assert score.means("test")["test/error"] == 0.5
