"""When a gradient is captured and replayed. Oracle: the gradient itself, which replays what was captured here.

What CUDA makes of it is tested in test_cuda.py, where there is a GPU.
"""

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from rnnlab.cells.cell import State
from rnnlab.cells.elman import ElmanCell
from rnnlab.cells.sequence_model import SequenceModel
from rnnlab.tasks import Batch
from rnnlab.tasks.adding import Adding
from rnnlab.tasks.stream import Stream
from rnnlab.training.clipping import ClipNorm
from rnnlab.training.gradient import Gradient
from rnnlab.training.graphs import Graphs, Replay
from tests.support.training import TASK


class Tape:
    """Replays by computing anew what was captured, and counts."""

    def __init__(self, waits: bool = False, fails: bool = False) -> None:
        self.waits, self.fails = waits, fails
        self.watches = self.captured = self.replayed = 0

    def note(self, gradient: Gradient) -> Callable[[], None]:
        noted = [(buffer, buffer.clone()) for buffer in gradient.model.buffers()]

        def put_back() -> None:
            for buffer, before in noted:
                buffer.copy_(before)

        return put_back

    def watched(self, gradient: Gradient, batch: Batch) -> tuple[Tensor, bool]:
        self.watches += 1
        return gradient(batch), self.waits

    def __call__(self, gradient: Gradient, batch: Batch) -> Replay:
        if self.fails:
            raise RuntimeError("operation not permitted\nwhen stream is capturing")
        self.captured += 1

        def replay(batch: Batch) -> Tensor:
            self.replayed += 1
            return gradient(batch)

        return replay


def gradient_of(cell: Any = ElmanCell) -> Gradient:
    torch.manual_seed(0)
    model = SequenceModel(partial(cell, hidden_size=5), TASK.input_size, TASK.output_size)
    return Gradient(model, TASK, ClipNorm(0.1))


def made(graphs: Graphs, count: int, shortest: int | None = None) -> None:
    """Call it on so many batches, and hold each to the gradient's own numbers."""
    for batch in Stream(TASK, 4, 0, "train", shortest).batches(0, count):
        measured = graphs(batch)
        assert torch.equal(measured, graphs.gradient(batch))


def test_a_shape_is_captured_once_and_replayed_from_its_first_batch_on() -> None:
    tape = Tape()
    made(Graphs(gradient_of(), tape), 10)
    assert (tape.watches, tape.captured, tape.replayed) == (1, 1, 10)


def test_each_length_has_its_own_and_those_beyond_the_most_run_as_they_are(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tape = Tape()
    graphs = Graphs(gradient_of(), tape, most=2)
    made(graphs, 60, shortest=TASK.seq_len - 3)  # of four lengths
    assert tape.captured == 2
    assert caplog.messages == [
        "the update has more than 2 shapes of batches: others run without a CUDA graph"
    ]


def test_what_waits_is_not_captured(caplog: pytest.LogCaptureFixture) -> None:
    tape = Tape(waits=True)
    made(Graphs(gradient_of(), tape), 10)
    assert (tape.watches, tape.captured) == (1, 0)
    assert caplog.messages == [
        (
            "the update waits for the device, as a look at the values of a tensor does: "
            "all run without a CUDA graph"
        )
    ]


def test_a_capture_that_fails_loses_nothing(caplog: pytest.LogCaptureFixture) -> None:
    made(Graphs(gradient_of(), Tape(fails=True)), 10)
    assert caplog.messages == [
        "the update cannot be captured (operation not permitted): all run without a CUDA graph"
    ]


class Adds(ElmanCell):
    """Counts its calls in a buffer, which a graph does too."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.register_buffer("calls", torch.zeros(()))

    def final_state(self, inputs: Tensor, state: State | None = None) -> State:
        self.calls.add_(1)
        return super().final_state(inputs, state)


@pytest.mark.parametrize("fails", [False, True])
def test_a_buffer_changes_once_an_update(fails: bool) -> None:
    gradient = gradient_of(Adds)
    cell: Any = gradient.model.layers[0]
    graphs = Graphs(gradient, Tape(fails=fails))
    for number, batch in enumerate(Stream(TASK, 4, 0, "train").batches(0, 5), 1):
        graphs(batch)
        assert float(cell.calls) == number


class Counts(ElmanCell):
    """Changes an attribute of its own, which a graph would not."""

    calls = 0

    def step(self, inputs: Tensor, state: State) -> State:
        self.calls += 1
        return super().step(inputs, state)

    def forward(self, inputs: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        return self.unroll(inputs, state)

    def final_state(self, inputs: Tensor, state: State | None = None) -> State:
        return self.unroll(inputs, state)[1]


def test_a_cell_that_changes_itself_is_not_captured(caplog: pytest.LogCaptureFixture) -> None:
    tape = Tape()
    made(Graphs(gradient_of(Counts), tape), 10)
    assert tape.captured == 0
    assert "changes its own attributes" in caplog.text


class Weighs(Adding):
    """A loss that counts its calls."""

    calls = 0

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        object.__setattr__(self, "calls", self.calls + 1)
        return super().loss(outputs, targets)


def test_a_loss_that_changes_its_task_is_not_captured(caplog: pytest.LogCaptureFixture) -> None:
    tape, gradient = Tape(), gradient_of()
    gradient.task = Weighs(TASK.seq_len)
    made(Graphs(gradient, tape), 10)
    assert tape.captured == 0
    assert "changes its own attributes" in caplog.text


def test_what_was_captured_is_forgotten_where_the_cell_or_the_clipping_is_no_longer_the_same() -> (
    None
):
    tape, gradient = Tape(), gradient_of()
    graphs = Graphs(gradient, tape)
    cell: Any = gradient.model.layers[0]
    clip: Any = gradient.clip

    def freeze() -> None:
        cell.bias.requires_grad_(False)

    def another() -> None:
        cell.weight_hh.data = cell.weight_hh.data.clone()

    def same() -> None:
        with torch.no_grad():
            cell.weight_hh.mul_(0.9)

    changes = {
        "same": (same, 1),
        "attribute": (lambda: setattr(cell, "leak", 0.5), 2),
        "clip": (lambda: setattr(clip, "max_norm", 0.2), 3),
        "frozen": (freeze, 4),
        "tensor": (another, 5),
        "mode": (gradient.model.eval, 6),
    }
    made(graphs, 5)
    for name, (change, captured) in changes.items():
        change()
        graphs.look()
        made(graphs, 5)
        assert tape.captured == captured, name


@pytest.fixture(autouse=True)
def _warnings(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
