"""Oracles: closed forms, and autograd's own Jacobian one point at a time."""

import numpy as np
import pytest
import torch
from torch.autograd.functional import jacobian

from rnnlab.cells.deltanet import DeltaNetCell
from rnnlab.cells.elman import ElmanCell
from rnnlab.cells.gru import GRUCell
from rnnlab.cells.lstm import LSTMCell
from rnnlab.diagnostics import dynamics as module
from rnnlab.diagnostics import fixed_points, large_state
from rnnlab.diagnostics import jacobian as measured
from rnnlab.diagnostics.dynamics import flatten
from rnnlab.diagnostics.fixed_points import FixedPoints
from rnnlab.diagnostics.jacobian import Jacobian
from tests.support.systems import linear, orthogonal, probe


def test_of_a_linear_network_is_u() -> None:
    u = torch.tensor([[0.5, 2.0], [0.0, -0.8]], dtype=torch.float64)
    metrics, arrays = Jacobian().measure(linear(u))
    assert metrics["recurrent/spectral_radius"] == pytest.approx(0.8, rel=1e-6)
    singular = np.linalg.svd(u.numpy(), compute_uv=False)
    np.testing.assert_allclose(arrays["singular_values"], singular, rtol=1e-6)
    assert metrics["recurrent/singular_value_max"] == pytest.approx(singular[0], rel=1e-6)
    # numpy's, of an even number: the mean of the middle two.
    median = np.median(singular)
    assert metrics["recurrent/singular_value_median"] == pytest.approx(median, rel=1e-6)
    assert set(metrics) == {
        *("recurrent/spectral_radius", "recurrent/singular_value_max"),
        "recurrent/singular_value_median",
    }
    assert arrays["spectral_radius"].shape == (8,)


def test_of_orthogonal_u_is_an_isometry() -> None:
    metrics, arrays = Jacobian().measure(linear(orthogonal(6)))
    np.testing.assert_allclose(arrays["singular_values"], 1.0, rtol=1e-6)
    assert metrics["recurrent/spectral_radius"] == pytest.approx(1.0, rel=1e-6)


def test_of_an_elman_cell_is_f_prime_times_u() -> None:
    seen = probe(ElmanCell)
    (cell,) = seen.model.layers
    assert isinstance(cell, ElmanCell)
    unrolled = seen.unrolled(4)
    found = seen.dynamics.jacobians(unrolled.batch.inputs[:, 3], unrolled.before[3])
    h = unrolled.hidden[3]
    expected = (1 - h.square()).unsqueeze(2) * cell.weight_hh
    torch.testing.assert_close(found, expected.detach())


@pytest.mark.parametrize("cell", [ElmanCell, GRUCell, LSTMCell])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("chunk", [1, 2**22])
def test_is_autograds(cell: type, layers: int, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK", chunk)
    seen = probe(cell, num_layers=layers)
    unrolled, dynamics = seen.unrolled(3), seen.dynamics
    inputs, before = unrolled.batch.inputs[:, 5], unrolled.before[5]
    found = dynamics.jacobians(inputs, before)
    for i in range(3):
        x = inputs[i : i + 1].detach()

        def after(s: torch.Tensor, x: torch.Tensor = x) -> torch.Tensor:
            return flatten(dynamics.step(x, dynamics._unflattened(s.unsqueeze(0))))[0]

        expected = jacobian(after, before[i])
        assert isinstance(expected, torch.Tensor)
        torch.testing.assert_close(found[i], expected)
    assert dynamics.size == layers * 5 * len(dynamics.parts)


def test_the_block_of_an_lstms_hidden_state() -> None:
    seen = probe(LSTMCell)
    (cell,) = seen.model.layers
    assert isinstance(cell, LSTMCell)
    metrics, arrays = Jacobian(sequences=1, steps=1).measure(seen)
    unrolled = seen.unrolled(1)
    x, before = unrolled.batch.inputs[:, -1].detach(), unrolled.before[-1]
    h, c = before.split(5, dim=1)
    block = jacobian(lambda h: cell.step(x, (h, c))[0][0], h)
    assert isinstance(block, torch.Tensor)
    block = block[:, 0].detach()
    np.testing.assert_allclose(
        arrays["hidden_singular_values"], torch.linalg.svdvals(block).numpy(), rtol=1e-6
    )
    assert metrics["recurrent/hidden_spectral_radius"] == pytest.approx(
        torch.linalg.eigvals(block).abs().max().item(), rel=1e-6
    )


def test_points_are_spread_over_the_sequence() -> None:
    """A tanh cell driven from rest: each step has another Jacobian."""
    seen = probe(ElmanCell)
    last_step = Jacobian(sequences=4, steps=1).measure(seen).metrics
    many = Jacobian(sequences=4, steps=12).measure(seen)
    assert many.arrays["spectral_radius"].shape == (48,)
    last = many.arrays["spectral_radius"][:4].mean()
    assert last_step["recurrent/spectral_radius"] == pytest.approx(last, rel=1e-12)
    assert many.metrics["recurrent/spectral_radius"] != last_step["recurrent/spectral_radius"]


def test_of_weights_that_are_not_finite_is_not_finite() -> None:
    seen = linear(torch.full((2, 2), torch.inf))
    metrics, _ = Jacobian().measure(seen)
    assert all(np.isnan(value) for value in metrics.values())


@pytest.mark.parametrize("key", ["sequences", "steps"])
def test_refused(key: str) -> None:
    with pytest.raises(ValueError, match=f"{key}=0 is too small"):
        Jacobian(**{key: 0})


def test_of_a_state_that_is_a_matrix() -> None:
    """Oracle: a step of DeltaNet multiplies S by I - beta k k', and h is only read out: 25 of 1 - beta or 1, 5 of 0."""
    seen = probe(DeltaNetCell)
    (cell,) = seen.model.layers
    assert isinstance(cell, DeltaNetCell)
    unrolled = seen.unrolled(4)
    inputs = unrolled.batch.inputs[:, 3]
    found = seen.dynamics.jacobians(inputs, unrolled.before[3])
    beta = cell.steps_of(inputs).beta.detach()
    expected = torch.cat([0 * beta.expand(-1, 5), 1 - beta.expand(-1, 5), torch.ones(4, 20)], 1)
    eigenvalues = torch.linalg.eigvals(found).real.sort().values
    torch.testing.assert_close(eigenvalues, expected.double(), rtol=1e-8, atol=1e-8)


def test_a_state_that_is_too_large(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is measured, which is said once."""
    monkeypatch.setattr(measured, "LARGEST", 29)
    large_state._tell.cache_clear()
    for _ in range(2):
        assert Jacobian().measure(probe(DeltaNetCell)) == ({}, {})
    message = "diagnostics.jacobian measures nothing: the state has 30 numbers"
    assert [message in one.getMessage() for one in caplog.records] == [True]
    monkeypatch.setattr(measured, "LARGEST", 30)
    assert Jacobian().measure(probe(DeltaNetCell)).metrics
    monkeypatch.setattr(fixed_points, "LARGEST", 29)
    assert FixedPoints().measure(probe(DeltaNetCell)) == ({}, {})
    assert "diagnostics.fixed_points measures nothing" in caplog.records[-1].getMessage()
