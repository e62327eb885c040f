"""How much of an error is one constant. Oracles: hand computations, and answers whose bias is known."""

from typing import Any

import pytest
import torch
from torch import Tensor, tensor
from torch.nn import functional as F

from rnnlab.tasks import Task
from rnnlab.tasks.adding import Adding
from rnnlab.tasks.bias import Bias
from rnnlab.tasks.copy_memory import CopyMemory
from rnnlab.tasks.stream import Stream
from rnnlab.tasks.teacher import Teacher
from rnnlab.tasks.temporal_order import TemporalOrder


class Silent(Adding):
    """A task that does not say how far its answers are off."""

    def off_by(self, outputs: Tensor, targets: Tensor) -> Any:
        return None


TWO = Teacher(seq_len=2, output_size=2)


def bias_of(task: Task, *batches: tuple[Tensor, Tensor]) -> dict[str, float]:
    bias = Bias()
    for outputs, targets in batches:
        bias.add(task, outputs, targets)
    return bias.means("test")


def test_of_one_number_it_has_its_sign() -> None:
    """By hand, the docstring's example: off by 0.2, 0.1 and 0.3, here downwards, in two batches."""
    answers, targets = tensor([0.7, 1.1, 1.6]), tensor([0.5, 1.0, 1.3])
    parts = [(targets[:2], answers[:2]), (targets[2:], answers[2:])]
    found = bias_of(Adding(), *((a.view(-1, 1, 1), t.view(-1, 1, 1)) for a, t in parts))
    assert found == pytest.approx({"test/bias": -0.2, "test/bias_share": 0.04 / (0.14 / 3)})


def test_of_several_it_is_the_length_of_the_mean() -> None:
    """By hand: off by (3, 4) and (3, 4) at one step, by nothing at the other; the mean is (1.5, 2)."""
    targets = torch.zeros(1, 2, 2)
    found = bias_of(TWO, (tensor([[[3.0, 4.0], [0.0, 0.0]]]), targets))
    assert found == pytest.approx({"test/bias": 2.5, "test/bias_share": 6.25 / 12.5})


def test_sequences_count_alike_whatever_their_length() -> None:
    """By hand: a sequence of 2 steps that is off by 1, and one of 1 step that is off by 3."""
    one = Teacher(seq_len=2)
    batches = [(torch.full((1, n, 1), by), torch.zeros(1, n, 1)) for n, by in ((2, 1.0), (1, 3.0))]
    assert bias_of(one, *batches) == pytest.approx({"test/bias": 2.0, "test/bias_share": 4 / 5})


def test_a_drift_and_a_failure_to_remember_are_told_apart() -> None:
    """Of equal squared error: a constant of 0.3, and the answer of one who knows the mean alone."""
    batch = Stream(Adding(20), 10_000, 0, "test").batch(0)
    drifts = bias_of(Adding(20), (batch.targets + 0.3, batch.targets))
    assert drifts == pytest.approx({"test/bias": 0.3, "test/bias_share": 1.0}, rel=1e-5)
    forgets = bias_of(Adding(20), (torch.ones_like(batch.targets), batch.targets))
    assert abs(forgets["test/bias"]) < 0.02
    assert forgets["test/bias_share"] < 1e-3


def test_of_classes_it_is_of_their_probabilities() -> None:
    """By hand: four classes, each the right one once; the answer is always the first of them."""
    targets = torch.arange(4).view(4, 1)
    always = 100.0 * F.one_hot(torch.zeros(4, 1, dtype=torch.int64), 4)
    found = bias_of(TemporalOrder(), (always, targets))
    # The mean is (3/4, -1/4, -1/4, -1/4); the squares are 0 once and 2 three times.
    assert found == pytest.approx({"test/bias": 0.75**0.5, "test/bias_share": 0.75 / 1.5})
    blind = bias_of(TemporalOrder(), (torch.zeros(4, 1, 4), targets))
    assert blind["test/bias"] == pytest.approx(0.0, abs=1e-7)


def test_of_logistic_units_it_is_of_their_outputs() -> None:
    """By hand: units of 1/2 throughout, where 1 of 4 should be 1: off by 1/4 in the mean, and by 1/2."""
    task = TemporalOrder(variant="hochreiter1997")
    found = bias_of(task, (torch.zeros(4, 1, 4), torch.arange(4).view(4, 1)))
    assert found == pytest.approx({"test/bias": 0.5, "test/bias_share": 0.25 / 1.0})


def test_of_copy_memory_it_is_of_the_symbols_that_are_repeated() -> None:
    """By hand: blanks are right, and both symbols are called 1 where one is 2."""
    task = CopyMemory(delay=1, num_symbols=2, copy_len=2)
    targets = tensor([[0, 0, 0, 1, 2]])
    outputs = 100.0 * F.one_hot(tensor([[0, 0, 0, 1, 1]]), 3)
    # The mean of (0, 0, 0) and (0, 1, -1) is (0, 1/2, -1/2), and of their squares 1.
    assert bias_of(task, (outputs, targets)) == pytest.approx(
        {"test/bias": 0.5**0.5, "test/bias_share": 0.5}
    )


def test_a_task_that_does_not_say_has_none_and_right_answers_have_no_share() -> None:
    assert bias_of(Silent(), (torch.ones(3, 1, 1), torch.zeros(3, 1, 1))) == {}
    same = torch.ones(3, 1, 1)
    assert bias_of(Adding(), (same, same)) == {"test/bias": 0.0}
