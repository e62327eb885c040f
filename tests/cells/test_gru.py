"""Oracles: torch.nn.GRUCell in a loop and torch.nn.GRU, with the same weights; a step by hand."""

import math

import pytest
import torch
from torch import nn

from rnnlab.cells.gru import GRUCell

NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


@pytest.fixture
def cell() -> GRUCell:
    torch.manual_seed(0)
    return GRUCell(3, 5)


@pytest.mark.parametrize("state_given", [False, True])
def test_is_a_loop_over_torch_gru_cell(cell, state_given):
    cell.double()
    twin = nn.GRUCell(3, 5).double()
    twin.load_state_dict({name: getattr(cell, name) for name in NAMES})
    inputs = torch.randn(4, 7, 3, dtype=torch.float64)
    target = torch.randn(4, 7, 5, dtype=torch.float64)
    h = torch.randn(4, 5, dtype=torch.float64) if state_given else torch.zeros(4, 5).double()
    mine, theirs = inputs.clone().requires_grad_(), inputs.clone().requires_grad_()
    hidden, (end,) = cell(mine, (h,) if state_given else None)
    steps = []
    for x in theirs.unbind(dim=1):
        h = twin(x, h)
        steps.append(h)
    expected = torch.stack(steps, dim=1)
    torch.testing.assert_close(hidden, expected)
    torch.testing.assert_close(end, h)
    (hidden - target).square().sum().backward()
    (expected - target).square().sum().backward()
    torch.testing.assert_close(mine.grad, theirs.grad)
    for name in NAMES:
        torch.testing.assert_close(getattr(cell, name).grad, getattr(twin, name).grad)


def test_is_torch_gru(cell):
    layer = nn.GRU(3, 5, batch_first=True)
    layer.load_state_dict({f"{name}_l0": getattr(cell, name) for name in NAMES})
    inputs = torch.randn(4, 7, 3)
    hidden, (end,) = cell(inputs)
    expected, last = layer(inputs)
    torch.testing.assert_close(hidden, expected)
    torch.testing.assert_close(end, last[0])


def test_the_weights_are_those_of_torch(cell):
    """Oracle: torch.nn.GRU made under the same seed."""
    torch.manual_seed(0)
    layer = nn.GRU(3, 5)
    for name in NAMES:
        assert torch.equal(getattr(cell, name), layer.get_parameter(f"{name}_l0"))


def test_one_step_by_hand():
    """Oracle: the equations of the docstring in Python's floats, the reset gate after U_n."""
    cell = GRUCell(1, 1).double()
    rows = [[0.5, -0.2, 0.1, 0.3], [0.3, 0.8, 0.4, 0.6], [-0.7, 0.9, 0.2, 1.5]]
    columns = torch.tensor(rows, dtype=torch.float64).T
    with torch.no_grad():
        for name, column in zip(NAMES, columns, strict=True):
            getattr(cell, name).copy_(column.view(getattr(cell, name).shape))

    def sigmoid(a: float) -> float:
        return 1 / (1 + math.exp(-a))

    x, h = 0.5, -0.75
    r, z = (sigmoid(w * x + b + u * h + d) for w, u, b, d in rows[:2])
    w, u, b, d = rows[2]
    n = math.tanh(w * x + b + r * (u * h + d))
    expected = (1 - z) * n + z * h
    inputs, state = torch.tensor([[[x]]]).double(), (torch.tensor([[h]]).double(),)
    assert cell.step(inputs[:, 0], state)[0].item() == pytest.approx(expected, rel=1e-12)
    assert cell(inputs, state)[0].item() == pytest.approx(expected, rel=1e-12)
