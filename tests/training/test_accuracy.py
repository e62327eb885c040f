"""Accuracy of answers that are classes. Oracle: a loop over the sequences' outputs, and the definition of scaled."""

import math
from functools import partial

import pytest
import torch

from rnnlab.cells.elman import ElmanCell
from rnnlab.cells.sequence_model import SequenceModel
from rnnlab.tasks import Stream, Task
from rnnlab.tasks.adding import Adding
from rnnlab.tasks.copy_memory import CopyMemory
from rnnlab.tasks.cycle_navigation import CycleNavigation
from rnnlab.tasks.even_pairs import EvenPairs
from rnnlab.tasks.score import Score
from rnnlab.tasks.temporal_order import TemporalOrder
from rnnlab.training.evaluation import Evaluation
from rnnlab.training.settings import EvalSettings
from tests.support.own_tasks import Last

COUNT, LONGER = 400, 25
CHANCE: dict[Task, tuple[float, float | None]] = {  # at the length itself, and at LONGER
    CycleNavigation(1, "last"): (1 / 3, 0.2),
    CycleNavigation(2, "every"): ((1 / 3 + 3 / 9) / 2, None),
    CopyMemory(3, 4, 2): (1 / 4, 1 / 4),
    TemporalOrder(20, 3): (1 / 8, 1 / 8),
    TemporalOrder(20, 2, "hochreiter1997"): (1 / 4, 1 / 4),
}


def right(task: Task, outputs: torch.Tensor, targets: torch.Tensor) -> list[float]:
    """Of each sequence: by the largest output, or the criterion of one answer; the symbols of a copy alone."""
    if isinstance(task, TemporalOrder):
        return (~task.errors(outputs, targets)).double().tolist()
    if isinstance(task, CopyMemory):
        outputs, targets = outputs[:, -task.copy_len :], targets[:, -task.copy_len :]
    pairs = zip(outputs.argmax(2).tolist(), targets.tolist(), strict=True)
    return [sum(a == b for a, b in zip(*pair, strict=True)) / len(pair[0]) for pair in pairs]


@pytest.mark.parametrize("task", CHANCE, ids=str)
def test_accuracy_and_scaled_accuracy(task: Task) -> None:
    """At other lengths by the chance there, which is another where a walk is short."""
    torch.manual_seed(0)
    model = SequenceModel(partial(ElmanCell, hidden_size=5), task.input_size, task.output_size)
    settings = EvalSettings(COUNT, 50, 70, lengths=[LONGER])
    with torch.inference_mode():
        scored = Evaluation(task, settings)
        metrics = scored.validate(model) | scored.test(model)
        for name, length, by_chance in (
            ("test", task.seq_len, CHANCE[task][0]),
            (f"length/{LONGER}", LONGER, CHANCE[task][1]),
        ):
            at = task.at_length(length)
            values: list[float] = []
            for inputs, targets in Stream(at, 100, 0, "test").sequences(0, COUNT):
                values += right(at, model(inputs, last=targets.size(1))[0], targets)
            accuracy = sum(values) / COUNT
            assert metrics[f"{name}/accuracy"] == pytest.approx(accuracy)
            c = at.chance_accuracy if by_chance is None else by_chance
            assert c is not None
            scaled = (accuracy - c) / (1 - c)
            assert metrics[f"{name}/scaled_accuracy"] == pytest.approx(scaled, abs=1e-2 / COUNT)
    assert 0 <= metrics["val/accuracy"] <= 1


def test_answers_that_are_numbers_have_none() -> None:
    for task in (Adding(8), Last()):
        model = SequenceModel(partial(ElmanCell, hidden_size=2), task.input_size, 1)
        with torch.inference_mode():
            metrics = Evaluation(task, EvalSettings(COUNT, 50, lengths=[12])).test(model)
        assert not [name for name in metrics if "accuracy" in name]
        assert task.chance_accuracy is None


def test_where_nothing_is_left_to_tell_nothing_is_scaled() -> None:
    """Even pairs of one symbol: always even."""
    task = EvenPairs(5)
    model = SequenceModel(partial(ElmanCell, hidden_size=2), 2, 2)
    with torch.inference_mode():
        metrics = Evaluation(task, EvalSettings(COUNT, 50, lengths=[1])).test(model)
    found = {name for name in metrics if name.startswith("length/1/")}
    assert found == {f"length/1/{n}" for n in ("loss", "error", "accuracy", "bias", "bias_share")}


def test_outputs_that_are_not_finite_are_not_right() -> None:
    """By hand: of three sequences the first is right, and the others hold an infinity or a NaN."""
    task, targets = CycleNavigation(2, "every"), torch.zeros(3, 2, dtype=torch.long)
    outputs = torch.zeros(3, 2, 5)
    outputs[:, :, 0] = 1.0
    outputs[1, 1, 0], outputs[2, 0, 0] = math.inf, math.nan
    score = Score()
    score.add(task, outputs, targets)
    means = score.means("test")
    assert means["test/error"] == pytest.approx(2 / 3)
    assert means["test/accuracy"] == pytest.approx(1 / 3)
