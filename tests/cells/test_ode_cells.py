"""Cells that are steps of differential equations. Oracles: NumPy, eigenvalues, a conserved energy, closed forms."""

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from rnnlab.cells import Cell, SequenceModel, State
from rnnlab.cells.antisymmetric import AntisymmetricCell
from rnnlab.cells.cornn import CoRNNCell
from rnnlab.cells.lem import LEMCell
from tests.support.like_the_loop import assert_like_the_loop, is_compiled

Arrays = dict[str, np.ndarray]
CELLS: dict[str, Callable[..., Cell]] = {
    "antisymmetric": partial(AntisymmetricCell, epsilon=0.3, gamma=0.2),
    "gated": partial(AntisymmetricCell, epsilon=0.3, gamma=0.2, gated=True),
    "cornn": partial(CoRNNCell, dt=0.3, gamma=1.3, epsilon=0.7),
    "lem": partial(LEMCell, dt=0.6),
}


def sigmoid(a: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-a))


def antisymmetric(p: Arrays, x: np.ndarray, h: np.ndarray) -> tuple[np.ndarray, ...]:
    m = p["weight_hh"] - p["weight_hh"].T - 0.2 * np.eye(5)
    return (h + 0.3 * np.tanh(h @ m.T + x @ p["weight_ih"].T + p["bias"]),)


def gated(p: Arrays, x: np.ndarray, h: np.ndarray) -> tuple[np.ndarray, ...]:
    m = p["weight_hh"] - p["weight_hh"].T - 0.2 * np.eye(5)
    z = sigmoid(h @ m.T + x @ p["weight_iz"].T + p["bias_z"])
    return (h + 0.3 * z * np.tanh(h @ m.T + x @ p["weight_ih"].T + p["bias"]),)


def cornn(p: Arrays, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, ...]:
    """As the authors write it: one matrix for [x z y]."""
    whole = np.concatenate([p["weight_ih"], p["weight_zh"], p["weight_hh"]], axis=1)
    force = np.tanh(np.concatenate([x, z, y], axis=1) @ whole.T + p["bias"])
    new_z = z + 0.3 * (force - 1.3 * y - 0.7 * z)
    return y + 0.3 * new_z, new_z


def lem(p: Arrays, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, ...]:
    v1, v2, vz, vy = (p["weight_ih"][5 * k : 5 * k + 5] for k in range(4))
    b1, b2, bz, by = (p["bias"][5 * k : 5 * k + 5] for k in range(4))
    w1, w2, wz = (p["weight_hh"][5 * k : 5 * k + 5] for k in range(3))
    of_z = 0.6 * sigmoid(y @ w1.T + x @ v1.T + b1)
    of_y = 0.6 * sigmoid(y @ w2.T + x @ v2.T + b2)
    new_z = (1 - of_z) * z + of_z * np.tanh(y @ wz.T + x @ vz.T + bz)
    new_y = (1 - of_y) * y + of_y * np.tanh(new_z @ p["weight_zh"].T + x @ vy.T + by)
    return new_y, new_z


STEPS: dict[str, Callable[..., tuple[np.ndarray, ...]]] = {
    "antisymmetric": antisymmetric,
    "gated": gated,
    "cornn": cornn,
    "lem": lem,
}


def made(name: str, input_size: int = 3, hidden_size: int = 5, **options: object) -> Cell:
    torch.manual_seed(0)
    cell = CELLS[name](input_size, hidden_size, **options).double()
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return cell


@pytest.mark.parametrize("name", CELLS)
def test_several_steps_in_numpy(name: str) -> None:
    cell, rng = made(name), np.random.default_rng(0)
    arrays = {key: value.detach().numpy() for key, value in cell.named_parameters()}
    x = rng.normal(size=(4, 6, 3))
    start = [rng.normal(size=(4, 5)) for _ in cell.state_names]
    hidden, end = cell(torch.from_numpy(x), tuple(map(torch.from_numpy, start)))
    state = tuple(start)
    for t in range(6):
        state = STEPS[name](arrays, x[:, t], *state)
        np.testing.assert_allclose(hidden[:, t].detach().numpy(), state[0], rtol=1e-10, atol=1e-10)
    for mine, expected in zip(end, state, strict=True):
        np.testing.assert_allclose(mine.detach().numpy(), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", CELLS)
def test_it_runs_compiled(name: str) -> None:
    """Oracle: the loop over step."""
    cell = made(name)
    inputs = torch.randn(4, 7, 3, dtype=torch.float64, requires_grad=True)
    assert is_compiled(cell, inputs)
    assert_like_the_loop(cell, inputs)


def jacobian(cell: Cell, inputs: Tensor, state: State) -> Tensor:
    """Of one step of one sequence, all that it carries by all that it carried."""
    found = torch.autograd.functional.jacobian(lambda *s: cell.step(inputs, s), state)
    blocks: list[list[Tensor]] = [list(row) for row in found]  # pyrefly: ignore[bad-assignment]
    return torch.cat([torch.cat([b[0, :, 0] for b in row], dim=1) for row in blocks])


def test_antisymmetric_eigenvalues() -> None:
    """Closed form: those of W - W^T - gamma I are -gamma + i w, and a step's 1 + epsilon times them."""
    cell = AntisymmetricCell(2, 6, epsilon=0.1, gamma=0.3).double()
    zero = torch.zeros(1, 6, dtype=torch.float64)
    values = torch.linalg.eigvals(jacobian(cell, torch.zeros(1, 2).double(), (zero,)))
    torch.testing.assert_close(values.real, torch.full((6,), 1 - 0.1 * 0.3).double())
    assert values.imag.abs().max() > 0.1
    torch.testing.assert_close(values.imag.sort().values, -values.imag.sort().values.flip(0))


def test_where_an_antisymmetric_cell_starts() -> None:
    torch.manual_seed(0)
    cell = AntisymmetricCell(25, 100, gated=True)
    assert cell.weight_iz is not None
    assert cell.bias_z is not None
    for weight in (cell.weight_ih, cell.weight_iz):
        assert weight.std().item() == pytest.approx(0.2, rel=0.05)
    assert cell.weight_hh.std().item() == pytest.approx(0.1, rel=0.05)
    assert not cell.bias.any()
    assert torch.equal(cell.bias_z, torch.ones(100))
    plain = AntisymmetricCell(25, 100)
    gate = cell.weight_iz.numel() + cell.bias_z.numel()
    mine, gates = (sum(p.numel() for p in c.parameters()) for c in (plain, cell))
    assert gates == mine + gate


def free(epsilon: float) -> CoRNNCell:
    """Oscillators that nothing drives."""
    cell = CoRNNCell(1, 4, dt=0.06, gamma=66.0, epsilon=epsilon).double()
    for parameter in cell.parameters():
        nn.init.zeros_(parameter)
    return cell


def test_oscillators_without_damping_keep_their_energy() -> None:
    """Closed form: symplectic Euler's z^2 + gamma y^2 - dt gamma y z, which no step changes."""
    cell = free(0.0)
    y, z = torch.randn(2, 3, 4, dtype=torch.float64)

    def energy(y: Tensor, z: Tensor) -> Tensor:
        return z**2 + 66 * y**2 - 0.06 * 66 * y * z

    _, end = cell(torch.zeros(3, 500, 1, dtype=torch.float64), (y, z))
    torch.testing.assert_close(energy(*end), energy(y, z), rtol=1e-10, atol=0)
    assert (end[0] - y).abs().max() > 0.1


def test_damped_oscillators_by_powers_of_a_matrix() -> None:
    """Closed form: one matrix a step, whose determinant is 1 - dt epsilon."""
    cell = free(1.5)
    m = np.array([[1 - 0.06**2 * 66, 0.06 * (1 - 0.06 * 1.5)], [-0.06 * 66, 1 - 0.06 * 1.5]])
    start = torch.randn(2, 3, 4, dtype=torch.float64)
    _, end = cell(torch.zeros(3, 50, 1, dtype=torch.float64), (start[0], start[1]))
    expected = np.einsum("ij,jbh->ibh", np.linalg.matrix_power(m, 50), start.numpy())
    for mine, other in zip(end, expected, strict=True):
        np.testing.assert_allclose(mine.numpy(force=True), other, rtol=1e-9, atol=1e-12)
    whole = jacobian(cell, torch.zeros(1, 1).double(), (start[0, :1], start[1, :1]))
    assert torch.linalg.det(whole).item() == pytest.approx((1 - 0.06 * 1.5) ** 4, rel=1e-9)


def test_lem_with_steps_of_one_length() -> None:
    """Closed form: with weights of 0 both time steps are dt/2, and z_t = tanh(b_z) (1 - (1 - dt/2)^t)."""
    cell = LEMCell(1, 4, dt=0.5).double()
    for parameter in cell.parameters():
        nn.init.zeros_(parameter)
    with torch.no_grad():
        cell.bias[8:12] = torch.tensor([0.3, -0.2, 1.0, -2.0])
    _, (y, z) = cell(torch.randn(2, 7, 1, dtype=torch.float64))
    expected = [math.tanh(b) * (1 - 0.75**7) for b in cell.bias[8:12].tolist()]
    assert z[0].tolist() == pytest.approx(expected, rel=1e-12)
    assert not y.any()


@pytest.mark.parametrize(("dt", "bounds"), [(1.0, (-1.0, 1.0)), (1.5, (-math.inf, math.inf))])
def test_lem_is_bounded_while_its_steps_are_short(dt: float, bounds: tuple[float, float]) -> None:
    torch.manual_seed(0)
    cell = LEMCell(2, 30, dt=dt)
    assert cell.bounds == bounds
    hidden, _ = cell(100 * torch.randn(5, 40, 2))
    assert (hidden.abs().max().item() <= 1) == (dt <= 1)


def test_where_the_authors_cells_start() -> None:
    """Oracle: coRNN's one matrix of torch's own start; LEM's U(-1/sqrt(H), 1/sqrt(H)), its readout He's."""
    torch.manual_seed(0)
    oscillators, memory = CoRNNCell(20, 40), LEMCell(20, 100)
    for cell, bound in ((oscillators, 0.1), (memory, 0.1)):
        for weight in cell.parameters():
            assert 0.9 * bound < weight.abs().max().item() <= bound
            assert weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.25)
    model = SequenceModel(lambda size: LEMCell(size, 200), 3, 10)
    assert model.readout.weight.std().item() == pytest.approx(0.1, rel=0.05)


def test_their_states() -> None:
    """y, which is read out, and z beside it."""
    for make in (CoRNNCell, LEMCell):
        cell = make(3, 7)
        assert (cell.state_names, cell.state_size) == (("y", "z"), 14)
    assert AntisymmetricCell(3, 7).state_size == 7


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (AntisymmetricCell, {"epsilon": 0.0}, "^epsilon=0.0 is out of bounds: above 0"),
        (AntisymmetricCell, {"gamma": -0.1}, "^gamma=-0.1 is out of bounds: at least 0"),
        (AntisymmetricCell, {"gated": 1}, "^gated=1 is neither true nor false"),
        (CoRNNCell, {"dt": 0.0}, "^dt=0.0 is out of bounds: above 0"),
        (CoRNNCell, {"gamma": 0.0}, "^gamma=0.0 is out of bounds: above 0"),
        (CoRNNCell, {"epsilon": -1.0}, "^epsilon=-1.0 is out of bounds: at least 0"),
        (LEMCell, {"dt": -1.0}, "^dt=-1.0 is out of bounds: above 0"),
        (LEMCell, {"dt": math.nan}, "^dt=nan is not a finite number"),
        (LEMCell, {"hidden_size": 0}, "^hidden_size=0 is too small"),
    ],
)
def test_bad_options_are_refused(
    make: Callable[..., Cell], options: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        make(3, **options)
