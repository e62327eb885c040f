"""Oracles: fixed points that are known in closed form, by bisection, or by many steps of the cell itself."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from torch import Tensor

from rnnlab.cells import Cell, State
from rnnlab.cells.elman import ElmanCell
from rnnlab.cells.gru import GRUCell
from rnnlab.cells.lstm import LSTMCell
from rnnlab.diagnostics import Measurement, Probe, slowest_states
from rnnlab.diagnostics.fixed_points import FixedPoints
from rnnlab.tasks.adding import Adding
from tests.support.systems import linear, orthogonal, probe, zeroed

COUNT, STABLE, SLOW = (f"fixed_points/{name}" for name in ("count", "stable", "slow"))
LARGEST, LEAST = "fixed_points/max_eigenvalue", "fixed_points/min_eigenvalue"


def only(seen: Probe) -> Cell:
    (cell,) = seen.model.layers
    assert isinstance(cell, Cell)
    return cell


def found(measured: Measurement) -> np.ndarray:
    """The points, without the rows that are NaN."""
    points = measured.arrays["points"]
    return points[np.isfinite(points).all(axis=1)]


def one_unit(gain: float, bias: float = 0.0) -> Probe:
    """h_t = tanh(g h_{t-1} + w x_t + b)."""
    seen = probe(ElmanCell, size=1)
    cell = only(seen)
    assert isinstance(cell, ElmanCell)
    cell.weight_hh.data.fill_(gain)
    cell.bias.data.fill_(bias)
    return seen


def solution(gain: float) -> float:
    """h > 0 with h = tanh(g h), by bisection."""
    low, high = 1e-6, 1.0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if math.tanh(gain * middle) > middle else (low, middle)
    return low


def test_searches_are_the_same_however_many_are_made_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Oracle: all of them at once."""
    whole = FixedPoints(starts=7, steps=9).measure(probe(LSTMCell, size=3)).arrays["points"]
    monkeypatch.setattr(slowest_states, "CHUNK", 3 * 6**2)  # three
    cut = FixedPoints(starts=7, steps=9).measure(probe(LSTMCell, size=3)).arrays["points"]
    np.testing.assert_allclose(cut, whole, rtol=1e-12)


@pytest.mark.parametrize("inputs", ["zero", "mean"])
def test_a_linear_cell_has_one(inputs: str) -> None:
    """(I - U)^{-1} (W x + b), with the eigenvalues of U."""
    u = 0.9 * orthogonal(6) + 0.3 * torch.eye(6)
    seen = linear(u)
    cell = only(seen)
    assert isinstance(cell, ElmanCell)
    cell.bias.data.normal_()
    x = seen.batch(32).inputs.mean(dim=(0, 1)) if inputs == "mean" else torch.zeros(2).double()
    driven = (cell.weight_ih @ x + cell.bias).detach()
    wanted = torch.linalg.solve(torch.eye(6).double() - u, driven)
    measured = FixedPoints(inputs=inputs).measure(seen)
    np.testing.assert_allclose(found(measured), wanted[None], rtol=1e-9)
    moduli = np.sort(np.abs(np.linalg.eigvals(u.numpy())))[::-1]
    np.testing.assert_allclose(np.abs(measured.arrays["eigenvalues"][0]), moduli, rtol=1e-9)
    assert (measured.metrics[COUNT], measured.metrics[SLOW]) == (1, 0)
    assert measured.metrics[STABLE] == float(moduli[0] < 1)
    assert measured.metrics[LARGEST] == measured.metrics[LEAST] == pytest.approx(moduli[0])


@pytest.mark.parametrize("gain", [1.2, 2.0, 5.0])
def test_one_unit_with_a_gain_above_1_has_three(gain: float) -> None:
    """0 with the eigenvalue g, and +-h with g (1 - h^2)."""
    measured = FixedPoints(noise=3.0).measure(one_unit(gain))
    h = solution(gain)
    np.testing.assert_allclose(np.sort(found(measured)[:, 0]), [-h, 0.0, h], atol=1e-9)
    eigenvalues = np.where(np.abs(found(measured)[:, 0]) < 1e-3, gain, gain * (1 - h * h))
    np.testing.assert_allclose(measured.arrays["eigenvalues"][:3, 0], eigenvalues, rtol=1e-7)
    assert (measured.metrics[COUNT], measured.metrics[STABLE]) == (3, 2)
    assert measured.metrics[LARGEST] == pytest.approx(gain)
    assert measured.metrics[LEAST] == pytest.approx(gain * (1 - h * h))


def test_one_unit_with_a_gain_below_1_has_one() -> None:
    measured = FixedPoints(noise=3.0).measure(one_unit(0.8))
    np.testing.assert_allclose(found(measured), [[0.0]], atol=1e-9)
    assert measured.metrics[STABLE] == 1
    assert measured.metrics[LARGEST] == pytest.approx(0.8)


def test_what_a_fixed_point_has_left_where_it_vanished_is_slow() -> None:
    """A bias just above the fold of tanh(2 h + b): one fixed point is left, and a minimum of q by hand."""
    fold = math.sqrt(0.5)  # where the slope 2 (1 - h^2) is 1
    bias = 2 * fold - math.atanh(fold)  # tanh(2 h + b) = h at h = -fold
    seen = one_unit(2.0, bias + 1e-3)
    measured = FixedPoints(noise=3.0, slow_below=1e-5).measure(seen)
    assert (measured.metrics[COUNT], measured.metrics[SLOW]) == (1, 1)
    grid = np.linspace(-0.9, -0.5, 400_001)
    q = (np.tanh(2 * grid + bias + 1e-3) - grid) ** 2 / 2
    assert measured.arrays["points"][1, 0] == pytest.approx(grid[q.argmin()], abs=1e-5)
    assert measured.arrays["speed"][1] == pytest.approx(q.min(), rel=1e-6)
    none = FixedPoints(noise=3.0, slow_below=float(q.min()) / 2).measure(seen)
    assert (none.metrics[COUNT], none.metrics[SLOW]) == (1, 0)
    both = FixedPoints(noise=3.0, fixed_below=1e-5, slow_below=1e-5).measure(seen)
    assert (both.metrics[COUNT], both.metrics[SLOW]) == (2, 0)


@pytest.mark.parametrize("cell", [GRUCell, LSTMCell])
def test_gates_at_weights_of_zero(cell: type) -> None:
    """All gates are 1/2 and the new content 0: the state is halved at every step, of an LSTM through c alone."""
    seen = probe(cell)
    zeroed(seen.model)
    measured = FixedPoints().measure(seen)
    np.testing.assert_allclose(found(measured), 0.0, atol=1e-9)
    assert (measured.metrics[COUNT], measured.metrics[STABLE]) == (1, 1)
    assert measured.metrics[LARGEST] == pytest.approx(0.5)
    halves = np.sort(np.abs(measured.arrays["eigenvalues"][0]))
    wanted = [0.5] * 5 if cell is GRUCell else [0.0] * 5 + [0.5] * 5
    np.testing.assert_allclose(halves, wanted, atol=1e-9)


@pytest.mark.parametrize("cell", [ElmanCell, GRUCell, LSTMCell])
def test_is_where_a_contracting_cell_comes_to_rest(cell: type) -> None:
    """Oracle: 3000 of its own steps, two layers, with the mean input."""
    seen = probe(cell, num_layers=2)
    measured = FixedPoints(inputs="mean").measure(seen)
    x = seen.batch(32).inputs.mean(dim=(0, 1)).expand(1, 3000, -1)
    with torch.no_grad():
        end = seen.dynamics.run(x, torch.zeros(1, seen.dynamics.size).double())
    assert measured.metrics[STABLE] == measured.metrics[COUNT] == 1
    np.testing.assert_allclose(found(measured), end, atol=1e-9)
    h = end.clone().requires_grad_()
    jacobian = torch.autograd.functional.jacobian(lambda s: seen.dynamics.run(x[:, :1], s), h)
    moduli = np.abs(np.linalg.eigvals(jacobian[0, :, 0]))
    assert measured.metrics[LARGEST] == pytest.approx(moduli.max(), rel=1e-7)


class Counter(Cell):
    """h_t = h_{t-1} + 1, which stays nowhere."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.one = torch.nn.Parameter(torch.ones(hidden_size))

    def step(self, inputs: Tensor, state: State) -> State:
        return (state[0] + self.one,)


def test_a_cell_without_any() -> None:
    measured = FixedPoints(starts=7).measure(probe(Counter))
    assert measured.metrics == {COUNT: 0, STABLE: 0, SLOW: 0}
    shapes = {name: array.shape for name, array in measured.arrays.items()}
    one = FixedPoints(starts=7).measure(probe(ElmanCell))
    assert shapes == {name: array.shape for name, array in one.arrays.items()}
    assert np.isnan(measured.arrays["points"]).all()


def test_a_network_that_has_diverged_has_arrays_alone() -> None:
    seen = probe(ElmanCell)
    for parameter in only(seen).parameters():
        parameter.data.fill_(math.nan)
    metrics, arrays = FixedPoints().measure(seen)
    assert metrics == {}
    assert np.isnan(arrays["speed"]).all()


def test_the_plane_is_of_the_first_two_components() -> None:
    """Oracle: numpy's SVD of the visited states, up to signs."""
    seen = probe(GRUCell, size=4)
    arrays = FixedPoints(sequences=3).measure(seen).arrays
    states = seen.unrolled(3).before.numpy()  # (T, 3, 4)
    centred = states.reshape(-1, 4) - states.reshape(-1, 4).mean(axis=0)
    components = np.linalg.svd(centred, full_matrices=False)[2][:2]
    wanted = (states - states.reshape(-1, 4).mean(axis=0)) @ components.T
    np.testing.assert_allclose(
        np.abs(arrays["trajectories"]), np.abs(wanted.transpose(1, 0, 2)), atol=1e-9
    )
    point = (found(Measurement({}, arrays))[0] - states.reshape(-1, 4).mean(axis=0)) @ components.T
    np.testing.assert_allclose(np.abs(arrays["plane"][0]), np.abs(point), atol=1e-9)


@pytest.mark.parametrize(
    "seen", [lambda: one_unit(2.0), lambda: probe(LSTMCell)], ids=["one", "lstm"]
)
def test_is_drawn(seen: Callable[[], Probe]) -> None:
    """Three points of one unit: two filled, one open."""
    diagnostic = FixedPoints(noise=3.0)
    measured = diagnostic.measure(seen())
    axes = Figure().add_subplot()
    diagnostic.draw(axes, measured.arrays, measured.arrays)
    stable, unstable, slow = (len(np.asarray(c.get_offsets())) for c in axes.collections)
    count = measured.metrics[COUNT]
    assert (stable, unstable, slow) == (measured.metrics[STABLE], count - stable, 0)
    assert axes.get_title().startswith(f"fixed points: {count:.0f}, then {count:.0f}")
    assert len(axes.lines) == 8


def test_the_same_weights_give_the_same_answer() -> None:
    first, second = (FixedPoints().measure(probe(GRUCell, task=Adding(8))) for _ in range(2))
    assert first.metrics == second.metrics
    np.testing.assert_array_equal(first.arrays["points"], second.arrays["points"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"inputs": "one"},
        {"sequences": 0},
        {"starts": 0},
        {"noise": -1.0},
        {"steps": 0},
        {"fixed_below": 0.0},
        {"slow_below": 1e-17},
        {"distance": 0.0},
    ],
)
def test_refused(wrong: dict[str, Any]) -> None:
    ((key, value),) = wrong.items()
    with pytest.raises(ValueError, match=f"{key}={value}"):
        FixedPoints(**wrong)
