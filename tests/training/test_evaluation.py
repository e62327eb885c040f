"""Which sequences are scored. Oracle: other batch sizes, the stream's own batches, a loop over sequences."""

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from rnnlab.cells.elman import ElmanCell
from rnnlab.cells.sequence_model import SequenceModel
from rnnlab.tasks import Stream, Task
from rnnlab.tasks.adding import Adding
from rnnlab.tasks.copy_memory import CopyMemory
from rnnlab.tasks.temporal_order import TemporalOrder
from rnnlab.training.evaluation import Evaluation
from rnnlab.training.settings import EvalSettings

TASKS = {
    "adding": Adding(8),
    "copy_memory": CopyMemory(3, 2, 2),
    "a length that varies": Adding(20, "pascanu2013"),
    "classes, and a length that varies": TemporalOrder(20, 2, "hochreiter1997"),
}
every_task = pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)


class Watched(SequenceModel):
    """Keeps how many sequences it was shown at once."""

    shown: list[int]

    def forward(self, inputs: Tensor, *rest: Any, **named: Any) -> Any:
        self.shown.append(inputs.size(0))
        return super().forward(inputs, *rest, **named)


def watched(task: Task) -> Watched:
    torch.manual_seed(0)
    model = Watched(partial(ElmanCell, hidden_size=5), task.input_size, task.output_size)
    model.shown = []
    return model.eval()


def evaluation(task: Task, batch_size: int) -> Evaluation:
    return Evaluation(task, EvalSettings(3310, 330, batch_size, lengths=[30]))


@pytest.mark.slow
@every_task
def test_the_batch_size_changes_no_sequence(task: Task) -> None:
    """Errors and scores to the last bit, but the loss to rounding: one model at 400, 150, 7."""
    model, met = watched(task), []
    with torch.no_grad():
        for batch_size in (400, 150, 7):
            scored = evaluation(task, batch_size)
            met.append(scored.validate(model) | scored.test(model))
    for metrics in met[1:]:
        assert metrics.keys() == met[0].keys()
        for name, value in metrics.items():
            rounding = 0 if name.endswith("error") else 1e-5
            assert value == pytest.approx(met[0][name], rel=rounding, abs=rounding), name
    assert 0 < met[0]["test/error"] <= 1


@every_task
def test_no_more_are_scored_at_once(task: Task) -> None:
    """All of `batch_size`, but at the end and where a group of 100 has a length of its own."""
    for batch_size in (400, 150, 7):
        model = watched(task)
        with torch.no_grad():
            evaluation(task, batch_size).validate(model)
        assert sum(model.shown) == 330
        assert max(model.shown) <= batch_size
        if task in (TASKS["adding"], TASKS["copy_memory"]):
            whole, rest = divmod(330, batch_size)
            assert model.shown == [batch_size] * whole + [rest] * (rest > 0)


@every_task
def test_the_sequences_are_the_streams(task: Task) -> None:
    """Oracle: the batches of 100 of each stream, of `eval.seed`; the last validation one in part."""
    model = watched(task)
    settings = EvalSettings(3310, 330, 150, seed=3)
    with torch.no_grad():
        scored = Evaluation(task, settings)
        metrics = scored.validate(model) | scored.test(model)
        for name, count in (("val", 330), ("test", 3310)):
            batches = [Stream(task, 100, 3, name).batch(n) for n in range(-(-count // 100))]
            wrong = []
            for inputs, targets in batches:
                wrong += task.errors(model(inputs, last=targets.size(1))[0], targets).tolist()
            assert metrics[f"{name}/error"] == sum(wrong[:count]) / count
