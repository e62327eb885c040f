"""Oracle: the loop that torch's own documentation has, on torch.nn's own layers."""

import copy
from functools import partial
from typing import Any, cast

import pytest
import torch
from torch import nn

from rnnlab.cells.elman import ElmanCell
from rnnlab.cells.gru import GRUCell
from rnnlab.cells.indrnn import IndRNNCell
from rnnlab.cells.lstm import LSTMCell
from rnnlab.cells.sequence_model import SequenceModel
from rnnlab.tasks import Task
from rnnlab.tasks.adding import Adding
from rnnlab.tasks.copy_memory import CopyMemory
from rnnlab.tasks.stream import Stream
from rnnlab.training.clipping import Clip, ClipNorm, NoClip
from rnnlab.training.gradient import Gradient
from rnnlab.training.update import Update
from tests.support.training import CountingOptimizer


def of_torch(model: SequenceModel) -> tuple[nn.Module, nn.Linear]:
    """torch.nn's layer and readout with the same weights."""
    cell: Any = model.layers[0]
    kinds: dict[type, Any] = {ElmanCell: nn.RNN, GRUCell: nn.GRU, LSTMCell: nn.LSTM}
    layer: Any = kinds[type(cell)](cell.input_size, cell.hidden_size, batch_first=True)
    with torch.no_grad():
        if type(cell) is ElmanCell:
            layer.weight_ih_l0.copy_(cell.weight_ih)
            layer.weight_hh_l0.copy_(cell.weight_hh)
            layer.bias_ih_l0.copy_(cell.bias)
            layer.bias_hh_l0.zero_()
            layer.bias_hh_l0.requires_grad_(False)
        else:
            layer.load_state_dict(cell.fused.state_dict())
    readout = nn.Linear(cell.hidden_size, model.readout.out_features)
    readout.load_state_dict(model.readout.state_dict())
    return layer, readout


@pytest.mark.parametrize("cell", [ElmanCell, GRUCell, LSTMCell])
@pytest.mark.parametrize("task", [Adding(12), CopyMemory(delay=3, copy_len=2)], ids=["last", "all"])
@pytest.mark.parametrize("clip", [ClipNorm(0.05), NoClip()], ids=["clipped", "free"])
@pytest.mark.parametrize("fused", [True, False])
def test_updates_are_those_of_a_bare_loop(cell: Any, task: Task, clip: Clip, fused: bool) -> None:
    """Twenty updates in float64 with a schedule, to rounding."""
    torch.manual_seed(0)
    model = SequenceModel(partial(cell, hidden_size=5), task.input_size, task.output_size).double()
    layer, readout = (part.double() for part in of_torch(model))
    ours = torch.optim.Adam(model.parameters(), lr=0.01, fused=fused)
    weights = [p for p in (*layer.parameters(), *readout.parameters()) if p.requires_grad]
    theirs = torch.optim.Adam(weights, lr=0.01)
    schedules = [torch.optim.lr_scheduler.ExponentialLR(adam, 0.9) for adam in (ours, theirs)]
    counting: Any = CountingOptimizer(ours)
    update = Update(Gradient(model, task, clip), counting, schedules[0])
    stream = Stream(task, 4, 0, "train")
    for step in range(20):
        inputs, targets = stream.batch(step, dtype=torch.float64)
        measured = update(stream.batch(step, dtype=torch.float64), counted=step % 10 == 9)
        outputs = readout(layer(inputs)[0][:, -targets.size(1) :])
        loss = task.loss(outputs, targets)
        theirs.zero_grad()
        loss.backward()
        limit = 0.05 if isinstance(clip, ClipNorm) else float("inf")
        norm = nn.utils.clip_grad_norm_(weights, limit)
        theirs.step()
        schedules[1].step()
        left = min(float(norm), limit)
        expected = [float(loss.detach()), float(norm), left]
        assert measured.tolist() == pytest.approx(expected, rel=1e-4)
        assert measured.tolist()[:2] == pytest.approx(expected[:2], rel=1e-9)
    assert counting.steps == 2


def test_a_weight_at_its_bound_is_held_there_and_can_come_back() -> None:
    """Oracle: torch's own loop, with the weights cut after each step as in the authors' code of IndRNN."""
    task = Adding(6)
    torch.manual_seed(0)
    make = partial(IndRNNCell, hidden_size=8, recurrent_max=0.5)
    model = SequenceModel(make, task.input_size, task.output_size).double()
    model.get_parameter("layers.0.weight_hh").data.fill_(0.5)
    other = copy.deepcopy(model)
    ours, theirs = (torch.optim.Adam(m.parameters(), lr=0.1) for m in (model, other))
    update = Update(Gradient(model, task, NoClip()), cast(Any, CountingOptimizer(ours)), None)
    stream, held = Stream(task, 4, 0, "train"), []
    u, expected = (m.get_parameter("layers.0.weight_hh") for m in (model, other))
    for step in range(60):
        update(stream.batch(step, dtype=torch.float64), counted=False)
        inputs, targets = stream.batch(step, dtype=torch.float64)
        theirs.zero_grad()
        task.loss(other(inputs, last=1)[0], targets).backward()
        theirs.step()
        expected.data.clamp_(-0.5, 0.5)
        torch.testing.assert_close(u, expected, rtol=1e-9, atol=1e-9)
        held.append(u.detach().abs() == 0.5)
    once, last = torch.stack(held).any(dim=0), held[-1]
    assert (once & ~last).any()
