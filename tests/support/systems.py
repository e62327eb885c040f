"""Networks whose memory is known in closed form, and what looks at them."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from rnnlab.cells import Cell
from rnnlab.cells.elman import ElmanCell
from rnnlab.cells.sequence_model import SequenceModel
from rnnlab.diagnostics import Probe
from rnnlab.tasks import Task
from rnnlab.tasks.adding import Adding


def linear(u: Tensor, task: Task | None = None, **more: Any) -> Probe:
    """h_t = W x_t + U h_{t-1} in float64, read by random V."""
    task = task or Adding(seq_len=12)
    torch.manual_seed(0)
    model = SequenceModel(
        lambda size: ElmanCell(size, u.size(0), nonlinearity="identity"),
        task.input_size,
        task.output_size,
        **more,
    ).double()
    for cell in model.layers:
        assert isinstance(cell, ElmanCell)
        cell.weight_hh.data.copy_(u)
    return Probe(model.eval(), task, seed=0)


def probe(cell: Callable[..., Cell], size: int = 5, task: Task | None = None, **more: Any) -> Probe:
    """A cell with random weights in float64."""
    task = task or Adding(seq_len=12)
    torch.manual_seed(0)
    model = SequenceModel(lambda n: cell(n, size), task.input_size, task.output_size, **more)
    return Probe(model.double().eval(), task, seed=0)


def orthogonal(size: int) -> Tensor:
    torch.manual_seed(1)
    return nn.init.orthogonal_(torch.empty(size, size, dtype=torch.float64))


def zeroed(module: nn.Module) -> None:
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
