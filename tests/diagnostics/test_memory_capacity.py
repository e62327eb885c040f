"""Oracles: a delay line, a linear network's theory, a cell without memory, and least squares."""

import numpy as np
import pytest
import torch

from rnnlab.cells.elman import ElmanCell
from rnnlab.cells.gru import GRUCell
from rnnlab.cells.lstm import LSTMCell
from rnnlab.diagnostics import Probe
from rnnlab.diagnostics.memory_capacity import MemoryCapacity, capacities, triangle_of
from tests.support.systems import linear, orthogonal, probe, zeroed


def delay_line(size: int, layers: int = 1) -> Probe:
    """h_t = (u_t, u_{t-1}, ..., u_{t-size+1})"""
    look = linear(torch.diag(torch.ones(size - 1), -1), num_layers=layers)
    for cell in look.model.layers:
        assert isinstance(cell, ElmanCell)
        zeroed(cell)
        cell.weight_hh.data.copy_(torch.diag(torch.ones(size - 1), -1))
        cell.weight_ih.data[0, 0] = 1
    return look


@pytest.mark.parametrize("size", [1, 2, 8, 64])
def test_of_a_delay_line_is_its_length(size: int) -> None:
    metrics, arrays = MemoryCapacity().measure(delay_line(size))
    assert metrics["memory/capacity"] == pytest.approx(size, rel=1e-9)
    assert metrics["memory/capacity"] <= size
    assert metrics["memory/capacity_censored"] == 0
    looked_at = arrays["by_lag"][: 2 * size]
    assert np.isnan(arrays["by_lag"][2 * size :]).all()
    np.testing.assert_allclose(looked_at[:size], 1.0, rtol=1e-6)
    np.testing.assert_allclose(looked_at[size:], 0.0, atol=1e-9)


def test_a_second_delay_line_is_read_alone() -> None:
    """The last layer's units are what counts: it sees the first unit of the one below."""
    metrics, _ = MemoryCapacity().measure(delay_line(6, layers=2))
    assert metrics["memory/capacity"] == pytest.approx(6, rel=1e-9)


def test_fewer_lags_see_no_more() -> None:
    metrics, arrays = MemoryCapacity(lags=3).measure(delay_line(8))
    assert arrays["by_lag"].shape == (3,)
    assert metrics["memory/capacity"] == pytest.approx(3, rel=1e-9)


def test_one_leaky_unit_has_capacity_one_spread_by_theory() -> None:
    """h_t = a h_{t-1} + u_t: r_k^2 = (1 - a^2) a^2k (Jaeger, 2001)."""
    look = linear(torch.tensor([[0.8]]))
    _, arrays = MemoryCapacity(lags=12, streams=2000).measure(look)
    k = np.arange(12)
    expected = (1 - 0.8**2) * 0.8 ** (2 * k)
    np.testing.assert_allclose(arrays["by_lag"][:8], expected[:8], atol=0.01)


def test_a_cell_that_forgets_has_the_input_alone() -> None:
    """U = 0: one lag, whatever the number of units."""
    look = probe(ElmanCell, size=16)
    (cell,) = look.model.layers
    assert isinstance(cell, ElmanCell)
    cell.weight_hh.data.zero_()
    metrics, arrays = MemoryCapacity().measure(look)
    scatter = np.sqrt(2 * 16) / (64 * 64)  # of one lag's value
    assert np.abs(arrays["by_lag"][1:32]).max() < 4 * scatter
    assert metrics["memory/capacity"] == pytest.approx(arrays["by_lag"][0], abs=0.05)
    assert metrics["memory/capacity"] > 0.9


def test_a_dead_cell_has_none() -> None:
    look = probe(ElmanCell)
    zeroed(look.model.layers[0])
    assert MemoryCapacity().measure(look).metrics["memory/capacity"] == 0


@pytest.mark.parametrize("cell", [ElmanCell, GRUCell, LSTMCell])
@pytest.mark.parametrize("size", [1, 3, 32])
@pytest.mark.parametrize("gain", [0.1, 1.0, 3.0])
def test_is_never_above_the_hidden_size(cell: type, size: int, gain: float) -> None:
    look = probe(cell, size=size)
    with torch.no_grad():
        for parameter in look.model.layers.parameters():
            parameter.mul_(gain)
    metrics, arrays = MemoryCapacity(streams=16).measure(look)
    assert 0 <= metrics["memory/capacity"] <= size
    assert np.nanmax(arrays["by_lag"]) <= 1 + 1e-9


@pytest.mark.parametrize("factor", [0.9, 0.97, 0.99])
def test_a_slow_linear_network_uses_all_units(factor: float) -> None:
    """MC = N (Jaeger, 2001), spread over the lags as factor^2k: most of .99's is beyond 2 N."""
    metrics, arrays = MemoryCapacity().measure(linear(factor * orthogonal(10)))
    assert metrics["memory/capacity"] == pytest.approx(10, rel=0.03)
    assert metrics["memory/capacity_censored"] == 0
    assert metrics["memory/capacity"] == pytest.approx(np.nansum(arrays["by_lag"]), rel=1e-6)


@pytest.mark.parametrize("cell", [ElmanCell, GRUCell, LSTMCell])
def test_of_a_cell_that_is_not_linear(cell: type) -> None:
    """Oracle: each lag by least squares of its own, adjusted, on 16,384 samples of other noise."""
    torch.manual_seed(0)
    look = probe(cell, size=64)
    (layer,) = look.model.layers
    noise = torch.rand(256, 128 + 64, 1, dtype=torch.float64) * 2 - 1
    with torch.no_grad():
        states = layer(noise.expand(-1, -1, 2))[0][:, 128:].flatten(0, 1).numpy()
    lagged = noise[:, :, 0].unfold(1, 128, 1)[:, 1:].flip(2).flatten(0, 1).numpy()
    states, lagged = states - states.mean(axis=0), lagged - lagged.mean(axis=0)
    weights, _, rank, _ = np.linalg.lstsq(states, lagged, rcond=1e-5)
    left, samples = lagged - states @ weights, len(states)
    r2 = 1 - (left**2).mean(axis=0) / (lagged**2).mean(axis=0) * samples / (samples - rank)
    metrics, arrays = MemoryCapacity().measure(look)
    assert metrics["memory/capacity"] == pytest.approx(r2.sum(), rel=0.04)
    np.testing.assert_allclose(arrays["by_lag"][:64], r2[:64], atol=0.04)


def test_a_cell_that_is_slower_than_the_lags_is_a_lower_bound() -> None:
    metrics, arrays = MemoryCapacity().measure(linear(0.9995 * orthogonal(10)))
    assert np.isfinite(arrays["by_lag"]).sum() == 1024  # 20, 40, ..., 640, 1024
    assert metrics["memory/capacity_censored"] == 1
    assert 4 < metrics["memory/capacity"] < 10


def test_its_mean_over_noise_is_that_of_theory() -> None:
    """One leaky unit has 1 in all lags; what chance explains of a hundred adds nothing to it."""
    found = []
    for seed in range(20):
        look = linear(torch.tensor([[0.95]]))
        look = Probe(look.model, look.task, seed=seed)
        found.append(MemoryCapacity(lags=100).measure(look).metrics["memory/capacity"])
    error = np.std(found) / np.sqrt(len(found))
    assert abs(np.mean(found) - (1 - 0.95**200)) < 4 * error + 1e-4
    assert error < 0.01


def test_is_what_least_squares_explains() -> None:
    """Each lag beside those before it; what is left of the states' dimensions is taken off."""
    generator = np.random.default_rng(0)
    states = generator.normal(size=(400, 5))
    known = states @ generator.normal(size=5) + generator.normal(size=400)
    lagged = np.stack([known, generator.normal(size=400)], axis=1)
    found = capacities(
        torch.tensor(states), torch.tensor(lagged), triangle_of(torch.tensor(lagged))
    )
    centred = states - states.mean(axis=0)
    explained, before = [], np.empty((400, 0))
    for target in (lagged - lagged.mean(axis=0)).T:
        own = target - before @ np.linalg.lstsq(before, target, rcond=None)[0]
        fitted = centred @ np.linalg.lstsq(centred, own, rcond=None)[0]
        explained.append((fitted**2).sum() / (own**2).sum())
        before = np.column_stack([before, target])
    held = sum(explained)
    for _ in range(50):  # to the fixed point
        chance = (5 - held) / 400
        values = (np.array(explained) - chance) / (1 - chance)
        held = values.sum()
    np.testing.assert_allclose(found, values, rtol=1e-9)


def test_of_what_is_not_finite_is_not_finite() -> None:
    lagged = torch.randn(9, 3)
    assert np.isnan(capacities(torch.full((9, 2), torch.nan), lagged, triangle_of(lagged))).all()


@pytest.mark.parametrize(("key", "least"), [("lags", 1), ("streams", 16)])
def test_refused(key: str, least: int) -> None:
    with pytest.raises(ValueError, match=f"{key}={least - 1} is too small: at least {least}"):
        MemoryCapacity(**{key: least - 1})
