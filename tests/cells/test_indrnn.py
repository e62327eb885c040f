"""Units that hear of themselves alone. Oracles: NumPy, and powers of u in closed form."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from rnnlab.cells.indrnn import IndRNNCell
from rnnlab.cells.sequence_model import SequenceModel
from tests.support.like_the_loop import assert_like_the_loop, is_compiled


def indrnn(*sizes: int, **options: float) -> IndRNNCell:
    torch.manual_seed(0)
    return IndRNNCell(*sizes, **options).double()


def with_weights(cell: IndRNNCell, u: list[float]) -> IndRNNCell:
    with torch.no_grad():
        cell.weight_hh.copy_(torch.tensor(u))
    return cell


def test_several_steps_in_numpy() -> None:
    """Weights beyond the bound, of both signs, are brought to it."""
    cell = with_weights(indrnn(3, 4, recurrent_max=0.8), [0.5, -0.7, 1.5, -1.5])
    cell.constrain()
    nn.init.uniform_(cell.bias, -0.5, 0.5)
    w, b = (p.detach().numpy() for p in (cell.weight_ih, cell.bias))
    u = np.array([0.5, -0.7, 0.8, -0.8], dtype=np.float32)
    x, h = np.random.default_rng(0).normal(size=(5, 6, 3)), np.zeros((5, 4))
    hidden, (end,) = cell(torch.from_numpy(x))
    for t in range(6):
        h = np.maximum(x[:, t] @ w.T + u * h + b, 0.0)
        np.testing.assert_allclose(hidden[:, t].detach().numpy(), h, rtol=1e-6, atol=1e-7)
    assert torch.equal(end, hidden[:, -1])


@pytest.mark.parametrize("steps", [20, 100])
def test_a_gradient_at_most_doubles_with_the_papers_bound(steps: int) -> None:
    """Closed form: dh_T/dh_0 = min(u, 2^(1/T))^T, of units whose u is positive and that nothing drives."""
    cell = with_weights(indrnn(1, 4, recurrent_max=2 ** (1 / steps)), [0.9, 1.0, 1.5, 40.0])
    cell.constrain()
    h = torch.ones(1, 4, dtype=torch.float64, requires_grad=True)
    _, (end,) = cell(torch.zeros(1, steps, 1, dtype=torch.float64), (h,))
    (gradient,) = torch.autograd.grad(end.sum(), h)
    expected = [float(np.float32(0.9)) ** steps, 1.0, 2.0, 2.0]
    assert gradient[0].tolist() == pytest.approx(expected, rel=1e-9)


def test_weights_that_are_loaded_are_within_the_bound() -> None:
    """As an older rnnlab kept them beyond it, and counted them as the bound."""
    cell = indrnn(1, 4, recurrent_max=0.5)
    stored = cell.state_dict() | {"weight_hh": torch.tensor([0.2, -0.3, 0.7, -9.0])}
    cell.load_state_dict(stored)
    assert cell.weight_hh.tolist() == pytest.approx([0.2, -0.3, 0.5, -0.5])
    other = SequenceModel(partial(IndRNNCell, hidden_size=4, recurrent_max=0.5), 1, 1)
    other.get_parameter("layers.0.weight_hh").data.fill_(3.0)
    other.constrain()
    assert other.get_parameter("layers.0.weight_hh").tolist() == [0.5] * 4


def test_a_unit_hears_of_no_other() -> None:
    cell = indrnn(2, 5)
    inputs = torch.rand(1, 4, 2, dtype=torch.float64)

    def last(h: Tensor) -> Tensor:
        return cell.unroll(inputs, (h,))[0][0, -1]

    start = torch.full((1, 5), 3.0, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(last, start)
    assert isinstance(jacobian, Tensor)
    assert torch.equal(jacobian[:, 0], torch.diag(torch.diagonal(jacobian[:, 0])))
    assert torch.diagonal(jacobian[:, 0]).any()


def test_where_it_starts() -> None:
    """Oracle: u a uniform from 0 to the bound; W torch's; b = 0."""
    cell = indrnn(30, 400, recurrent_max=1.02)
    assert 0 <= cell.weight_hh.min().item() < 0.01 < 1.01 < cell.weight_hh.max().item() <= 1.02
    assert cell.weight_hh.std().item() == pytest.approx(1.02 / math.sqrt(12), rel=0.1)
    assert 0.049 < cell.weight_ih.abs().max().item() <= 0.05
    assert not cell.bias.any()
    assert cell.bounds == (0.0, math.inf)
    assert cell.work == "H"


def test_it_runs_compiled() -> None:
    """Oracle: the loop over step."""
    cell = with_weights(indrnn(3, 4, recurrent_max=0.8), [0.5, -0.7, 0.8, -0.8])
    inputs = torch.randn(4, 7, 3, dtype=torch.float64, requires_grad=True)
    assert is_compiled(cell, inputs)
    assert_like_the_loop(cell, inputs)


@pytest.mark.parametrize("value", [0.0, -1.0, math.inf, None])
def test_bad_bounds_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match=rf"^recurrent_max={value} is "):
        IndRNNCell(3, 4, recurrent_max=value)
