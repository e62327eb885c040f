"""Oracle: counting by hand, with models that are right by construction where they should be."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from rnnlab.cells.elman import ElmanCell
from rnnlab.cells.sequence_model import SequenceModel
from rnnlab.diagnostics import Probe
from rnnlab.diagnostics.error_by_lag import ErrorByLag
from rnnlab.tasks import Task
from rnnlab.tasks.adding import Adding
from rnnlab.tasks.copy_memory import CopyMemory
from rnnlab.tasks.teacher import Teacher
from rnnlab.tasks.temporal_order import TemporalOrder
from tests.support.systems import probe


class Told(SequenceModel):
    """Answers what it is told to, whatever the cell says."""

    def __init__(self, task: Task, answer: Any) -> None:
        super().__init__(lambda n: ElmanCell(n, 2), task.input_size, task.output_size)
        self.answer = answer

    def forward(
        self,
        inputs: Tensor,
        states: Any = None,
        last: int | None = None,
        recompute_steps: int | None = None,
        tbptt: int | None = None,
        lengths: Tensor | None = None,
    ) -> Any:
        return self.answer(inputs), []


def probe_answering(task: Task, answer: Any) -> Probe:
    model: nn.Module = Told(task, answer)
    assert isinstance(model, SequenceModel)
    return Probe(model.eval(), task, seed=0)


def test_adding_wrong_beyond_a_lag() -> None:
    """Right where the first mark is at most 30 steps from the end of 40."""
    task = Adding(seq_len=40)

    def answer(inputs: Tensor) -> Tensor:
        total = (inputs[:, :, 0] * inputs[:, :, 1]).sum(dim=1)
        first = inputs[:, :, 1].argmax(dim=1)
        return (total + (39 - first > 30) * 1.0).view(-1, 1, 1)

    metrics, arrays = ErrorByLag(sequences=200, bins=5).measure(probe_answering(task, answer))
    assert metrics == {"error/shortest_lags": 0.0, "error/longest_lags": 1.0}
    lags = np.sort(
        39 - probe_answering(task, answer).batch(200).inputs[:, :, 1].argmax(dim=1).numpy()
    )
    np.testing.assert_allclose(arrays["lag"], lags.reshape(5, 40).mean(axis=1))
    np.testing.assert_allclose(arrays["by_lag"], (lags > 30).reshape(5, 40).mean(axis=1))


def test_copy_memory_wrong_at_the_last_symbol() -> None:
    task = CopyMemory(delay=4, num_symbols=3, copy_len=3)

    def answer(inputs: Tensor) -> Tensor:
        right = inputs[:, :3].argmax(dim=2)
        right[:, 2] = right[:, 2] % 3 + 1  # another symbol
        outputs = torch.zeros(len(inputs), 10, 4)
        outputs[:, 7:] = nn.functional.one_hot(right, 4).float()
        return outputs

    metrics, arrays = ErrorByLag().measure(probe_answering(task, answer))
    assert metrics == {"error/first_position": 0.0, "error/last_position": 1.0}
    np.testing.assert_array_equal(arrays["by_position"], [0, 0, 1])
    assert set(arrays) == {"by_position"}


def test_teacher_by_step() -> None:
    task = Teacher(seq_len=4)
    look = probe_answering(task, lambda inputs: torch.zeros(len(inputs), 4, 1))
    _, arrays = ErrorByLag().measure(look)
    targets = look.batch(200).targets
    expected = (targets.square().mean(dim=2) >= 0.04 * task.chance).double().mean(dim=0)
    np.testing.assert_allclose(arrays["by_position"], expected)


@pytest.mark.parametrize("variant", ["arjovsky2016", "bai2018", "pascanu2013", "hochreiter1997"])
def test_addings_lag_is_that_of_the_first_mark(variant: str) -> None:
    task = Adding(seq_len=30, variant=variant)
    batch = probe(ElmanCell, task=task).batch(50)
    lags = task.lags(batch)
    for i, sequence in enumerate(batch.inputs):
        marks = [t for t, (_, mark) in enumerate(sequence.tolist()) if mark == 1]
        assert lags[i] == len(sequence) - 1 - marks[0]


@pytest.mark.parametrize(("variant", "symbols"), [("pascanu2013", "AB"), ("hochreiter1997", "XY")])
@pytest.mark.parametrize("num_symbols", [2, 3])
def test_temporal_orders_lag_is_that_of_the_first_symbol(
    variant: str, symbols: str, num_symbols: int
) -> None:
    alphabet = {"pascanu2013": "ABcdef", "hochreiter1997": "EBabcdXY"}[variant]
    task = TemporalOrder(seq_len=40, variant=variant, num_symbols=num_symbols)
    batch = probe(ElmanCell, task=task).batch(50)
    lags = task.lags(batch)
    channels = {"AB": (0, 1), "XY": (6, 7)}[symbols]
    assert len(alphabet) == task.input_size
    for i, sequence in enumerate(batch.inputs.argmax(dim=2).tolist()):
        first = next(t for t, symbol in enumerate(sequence) if symbol in channels)
        assert lags[i] == len(sequence) - 1 - first


def test_a_task_of_neither_kind_has_nothing_to_show() -> None:
    class Plain(Adding):
        def lags(self, batch: Any) -> Any:
            return Task.lags(self, batch)

    assert ErrorByLag().measure(probe(ElmanCell, task=Plain(seq_len=12))) == ({}, {})


def test_refused() -> None:
    with pytest.raises(ValueError, match="sequences=3 is too small"):
        ErrorByLag(sequences=3)
    with pytest.raises(ValueError, match="bins=9 is too large: at most 8"):
        ErrorByLag(sequences=8, bins=9)
