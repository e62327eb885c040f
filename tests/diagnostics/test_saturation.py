"""Oracle: counting by hand, over the hidden states that `forward` gives."""

import math

import numpy as np
import pytest
import torch

from rnnlab.cells import Cell
from rnnlab.cells.elman import ElmanCell
from rnnlab.cells.gru import GRUCell
from rnnlab.cells.lstm import LSTMCell
from rnnlab.cells.sequence_model import SequenceModel
from rnnlab.diagnostics import Probe
from rnnlab.diagnostics.saturation import Saturation
from rnnlab.tasks.adding import Adding
from tests.support.systems import linear, probe

TASK = Adding(seq_len=12)


def strong(cell: type[Cell], layers: int = 1, **more: str) -> Probe:
    """Weights times ten: many units at the ends of their range."""
    torch.manual_seed(0)
    model = SequenceModel(lambda n: cell(n, 5, **more), 2, 1, num_layers=layers).double()
    with torch.no_grad():
        for parameter in model.layers.parameters():
            parameter.mul_(10)
    return Probe(model.eval(), TASK, seed=0)


@pytest.mark.parametrize(
    ("seen", "at_a_bound"),
    [
        (lambda: strong(ElmanCell), lambda h: h.abs() > 0.95),
        (lambda: strong(GRUCell), lambda h: h.abs() > 0.95),
        (lambda: strong(LSTMCell), lambda h: h.abs() > 0.95),
        (
            lambda: strong(ElmanCell, nonlinearity="sigmoid"),
            lambda h: (h < 0.025) | (h > 0.975),
        ),
        (lambda: strong(ElmanCell, nonlinearity="relu"), lambda h: h == 0),
    ],
    ids=["tanh", "gru", "lstm", "sigmoid", "relu"],
)
def test_counted_by_hand(seen, at_a_bound) -> None:
    look = seen()
    metrics, arrays = Saturation().measure(look)
    hidden, _ = look.model.layers[0](look.batch(32).inputs)
    saturated = at_a_bound(hidden).double()
    assert 0 < saturated.mean() < 1
    assert metrics["recurrent/saturation"] == pytest.approx(saturated.mean().item(), abs=1e-12)
    np.testing.assert_allclose(arrays["by_step"], saturated.mean(dim=(0, 2)), atol=1e-12)


def test_all_layers_count() -> None:
    look = strong(ElmanCell, layers=2)
    below, _ = look.model.layers[0](look.batch(32).inputs)
    above, _ = look.model.layers[1](below)
    both = torch.stack([below, above])
    expected = (both.abs() > 0.95).double().mean().item()
    assert Saturation().measure(look).metrics["recurrent/saturation"] == pytest.approx(expected)


def test_the_margin_moves_the_line() -> None:
    look = strong(ElmanCell)
    shares = [
        Saturation(margin=m).measure(look).metrics["recurrent/saturation"]
        for m in (0.0, 0.025, 0.25)
    ]
    assert shares == sorted(shares)
    assert shares[0] < shares[2]


def test_without_bounds_there_is_none() -> None:
    assert Saturation().measure(linear(torch.eye(3))) == ({}, {})


def test_no_cell_leaves_its_bounds() -> None:
    for nonlinearity in ("tanh", "relu", "sigmoid", "identity"):
        cell = strong(ElmanCell, nonlinearity=nonlinearity)
        _inside(cell)
    _inside(strong(GRUCell))
    _inside(strong(LSTMCell))
    assert probe(ElmanCell).model.layers[0].bounds == (-1, 1)


def _inside(look: Probe) -> None:
    (cell,) = look.model.layers
    assert isinstance(cell, Cell)
    hidden, _ = cell(look.batch(32).inputs)
    low, high = cell.bounds
    assert low <= hidden.min() <= hidden.max() <= high
    if math.isinf(low):
        assert hidden.abs().max() > 1  # it would have shown


@pytest.mark.parametrize(
    ("wrong", "message"), [({"sequences": 0}, "sequences=0"), ({"margin": 0.5}, "margin=0.5")]
)
def test_refused(wrong: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Saturation(**wrong)
