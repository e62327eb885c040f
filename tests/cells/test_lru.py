"""The linear recurrent unit. Oracles: an explicit complex recurrence in NumPy, and what the paper says of its start."""

import math

import numpy as np
import pytest
import torch

from rnnlab.cells.all_states import AllStates
from rnnlab.cells.lru import LRUCell, Modes
from rnnlab.cells.sequence_model import SequenceModel
from tests.support.like_the_loop import close, results


def lru(size: int = 5, **options: float) -> LRUCell:
    torch.manual_seed(0)
    return LRUCell(3, size, **options).double()


def by_the_equations(cell: LRUCell, u, x):
    """h_t and x_t of each step, complex."""
    weights = {name: value.detach().numpy() for name, value in cell.named_parameters()}
    size = cell.hidden_size
    b, c = weights["modes.weight_ih"], weights["weight_ho"]
    b, c = b[:size] + 1j * b[size:], c[:, :size] + 1j * c[:, size:]
    exponent = -np.exp(weights["modes.nu_log"]) + 1j * np.exp(weights["modes.theta_log"])
    gamma, hidden, states = np.exp(weights["modes.gamma_log"]), [], []
    for t in range(u.shape[1]):
        x = np.exp(exponent) * x + gamma * (u[:, t] @ b.T)
        hidden.append((x @ c.T).real + u[:, t] @ weights["weight_io"].T)
        states.append(x)
    return np.stack(hidden, axis=1), np.stack(states, axis=1)


@pytest.mark.parametrize("steps", [1, 9])
def test_the_equations(steps: int) -> None:
    """By the loop that is compiled and by the scan, from a complex state."""
    cell, u = lru(), torch.randn(2, steps, 3, dtype=torch.double)
    before = torch.randn(2, 10, dtype=torch.double)
    expected, states = by_the_equations(
        cell, u.numpy(), (before[:, :5] + 1j * before[:, 5:]).numpy()
    )
    state = (torch.zeros(2, 5, dtype=torch.double), before)
    hidden, (h, x) = cell(u, state)
    np.testing.assert_allclose(hidden.detach(), expected, rtol=1e-8, atol=1e-10)
    assert torch.equal(h, hidden[:, -1])
    np.testing.assert_allclose(x[:, :5].detach(), states[:, -1].real, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(x[:, 5:].detach(), states[:, -1].imag, rtol=1e-8, atol=1e-10)
    close(cell.final_state(u, state), (h, x))


@pytest.mark.parametrize("steps", [1, 9])
def test_the_scan_is_the_loop(steps: int) -> None:
    """Values and gradients of the modes, from 0 and from a state."""
    modes = lru().modes
    u = torch.randn(4, steps, 3, dtype=torch.double, requires_grad=True)
    x = torch.randn(4, 10, dtype=torch.double, requires_grad=True)
    for state in (None, (x,)):
        close(results(modes.at_once, modes, u, state), results(modes.unroll, modes, u, state))


def test_where_the_eigenvalues_start() -> None:
    """Uniform on the ring's area, so |lambda|^2 is uniform; phases uniform up to max_phase; gamma^2 = 1 - |lambda|^2."""
    torch.manual_seed(0)
    modes = Modes(3, 4000, r_min=0.5, r_max=0.9, max_phase=1.0)
    eigenvalues = torch.complex(*modes.eigenvalues()).detach()
    squares, phases = eigenvalues.abs().square(), eigenvalues.angle()
    assert 0.25 <= squares.min() < 0.252
    assert 0.807 < squares.max() <= 0.81
    assert squares.mean().item() == pytest.approx((0.25 + 0.81) / 2, abs=0.01)
    assert 0 < phases.min() < 0.002
    assert 0.998 < phases.max() <= 1
    assert phases.mean().item() == pytest.approx(0.5, abs=0.02)
    torch.testing.assert_close(modes.gamma_log.exp().square(), 1 - squares, rtol=1e-4, atol=1e-6)


def test_no_weights_make_it_unstable() -> None:
    cell = lru()
    with torch.no_grad():
        cell.modes.nu_log.fill_(-15)
    assert 1 - 1e-6 < torch.complex(*cell.modes.eigenvalues()).abs().max().item() < 1


@pytest.mark.slow
def test_modes_have_one_variance_under_white_noise() -> None:
    """Oracle: gamma^2 |B|^2 / (1 - |lambda|^2), here |B|^2."""
    cell = lru(6, r_max=0.9)
    torch.manual_seed(1)
    (x,) = cell.modes.final_state(torch.randn(2000, 50, 3, dtype=torch.double))
    x = x.detach()
    power = x.square().mean(dim=0).view(2, -1).sum(dim=0)
    expected = cell.modes.weight_ih.detach().square().sum(dim=1).view(2, -1).sum(dim=0)
    torch.testing.assert_close(power, expected, rtol=0.12, atol=0)


def test_its_states_at_every_step() -> None:
    model = SequenceModel(lambda size: LRUCell(size, 4), 3, 1).double().eval()
    u = torch.randn(2, 6, 3, dtype=torch.double)
    (cell,) = model.layers
    assert isinstance(cell, LRUCell)
    with torch.no_grad():
        _, _, found = AllStates(model)(u, None)
    hidden, states = by_the_equations(cell, u.numpy(), np.zeros((2, 4)))
    assert list(found) == ["h", "x"]
    np.testing.assert_allclose(found["h"], hidden, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(
        found["x"], np.concatenate([states.real, states.imag], axis=2), rtol=1e-8, atol=1e-10
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"r_min": -0.1}, r"^r_min=-0\.1 is out of bounds"),
        ({"r_min": 0.9, "r_max": 0.9}, r"^r_max=0\.9 is out of bounds: above 0\.9 and below 1"),
        ({"r_max": 1.0}, r"^r_max=1\.0 is out of bounds"),
        ({"max_phase": 0.0}, r"^max_phase=0\.0 is out of bounds"),
        ({"max_phase": 2 * math.pi}, "^max_phase=6.28.* is out of bounds"),
        ({"hidden_size": 0}, "^hidden_size=0 is too small"),
    ],
)
def test_what_is_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LRUCell(3, **options)
