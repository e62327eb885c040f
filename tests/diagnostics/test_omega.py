"""Oracles: backpropagation through time in numpy, and linear networks."""

from functools import partial

import numpy as np
import pytest
import torch

from rnnlab.cells.elman import ElmanCell
from rnnlab.cells.gru import GRUCell
from rnnlab.cells.lstm import LSTMCell
from rnnlab.diagnostics.omega import Omega
from rnnlab.tasks.copy_memory import CopyMemory
from tests.support.systems import linear, orthogonal, probe


@pytest.mark.parametrize("a", [0.5, 1.0, 1.1])
def test_a_multiple_of_the_identity(a: float) -> None:
    metrics, arrays = Omega().measure(linear(a * torch.eye(4)))
    assert metrics["recurrent/omega"] == pytest.approx((a**2 - 1) ** 2, abs=1e-6)
    np.testing.assert_allclose(arrays["growth"], a**2, rtol=1e-6)


def test_orthogonal_u_keeps_errors() -> None:
    assert Omega().measure(linear(orthogonal(5))).metrics["recurrent/omega"] < 1e-12


@pytest.mark.parametrize("nonlinearity", ["tanh", "sigmoid", "relu"])
def test_of_an_elman_cell_by_backpropagation_in_numpy(nonlinearity: str) -> None:
    """The paper's code form, with the total derivative in every h_t; answers at every step."""
    task = CopyMemory(delay=3, num_symbols=2, copy_len=2)
    seen = probe(partial(ElmanCell, nonlinearity=nonlinearity), task=task)
    (cell,) = seen.model.layers
    assert isinstance(cell, ElmanCell)
    batch = seen.batch(3)
    w, u, b = (p.detach().numpy() for p in (cell.weight_ih, cell.weight_hh, cell.bias))
    v = seen.model.readout.weight.detach().numpy()
    c = seen.model.readout.bias.detach().numpy()
    f = {"tanh": np.tanh, "relu": lambda a: a * (a > 0), "sigmoid": lambda a: 1 / (1 + np.exp(-a))}
    slope = {
        "tanh": lambda h: 1 - h**2,
        "relu": lambda h: (h > 0).astype(float),
        "sigmoid": lambda h: h * (1 - h),
    }
    inputs, targets = batch.inputs.numpy(), batch.targets.numpy()
    sequences, steps, _ = inputs.shape
    hidden = [np.zeros((sequences, 5))]
    for t in range(steps):
        hidden.append(f[nonlinearity](inputs[:, t] @ w.T + hidden[-1] @ u.T + b))
    above, count = 0.0, 0
    carried = np.zeros((sequences, 5))
    for t in reversed(range(steps)):
        h = hidden[t + 1]
        y = np.exp(h @ v.T + c)
        y /= y.sum(axis=1, keepdims=True)
        y[np.arange(sequences), targets[:, t]] -= 1
        error = y @ v / (sequences * steps) + carried  # the loss is a mean over both
        carried = (error * slope[nonlinearity](h)) @ u
        size = (error**2).sum(axis=1)
        above += (((carried**2).sum(axis=1) / size - 1) ** 2).sum()
        count += (size >= 1e-20).sum()
    omega = Omega(sequences=3).measure(seen).metrics["recurrent/omega"]
    assert omega == pytest.approx(above / count, rel=1e-6)


def test_errors_too_small_to_tell_count_as_kept() -> None:
    """0.05^k falls under the bound within the sequence: from there on q = 1, and none is counted."""
    a = 0.05
    seen = linear(a * torch.eye(3))
    metrics, arrays = Omega(sequences=2).measure(seen)
    size = seen.unrolled(2).of_loss.carried.square().sum(dim=2)
    counted = size >= 1e-20
    assert counted.any()
    assert not counted.all()
    assert metrics["recurrent/omega"] == pytest.approx((a**2 - 1) ** 2, rel=1e-6)
    kept = torch.where(counted, a**2, 1.0).mean(dim=1)
    np.testing.assert_allclose(arrays["growth"], kept, rtol=1e-6)


@pytest.mark.parametrize("cell", [GRUCell, LSTMCell])
@pytest.mark.parametrize("layers", [1, 2])
def test_in_general_an_error_pulled_back_is_the_next_error(cell: type, layers: int) -> None:
    """One answer at the end feeds no error on the way: e_{t-1} = e_t ds_t/ds_{t-1}."""
    seen = probe(cell, num_layers=layers)
    _, arrays = Omega(sequences=4).measure(seen)
    size = seen.unrolled(4).of_loss.carried.square().sum(dim=2)
    np.testing.assert_allclose(arrays["growth"][1:], (size[:-1] / size[1:]).mean(dim=1), rtol=1e-6)


def test_refused() -> None:
    with pytest.raises(ValueError, match="sequences=0 is too small"):
        Omega(sequences=0)
