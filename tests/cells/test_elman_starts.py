"""What an Elman cell may start from, and modReLU. Oracles: NumPy, the papers' tables, properties of each U."""

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch

from rnnlab.cells.elman import ElmanCell
from rnnlab.cells.lstm import LSTMCell
from rnnlab.cells.sequence_model import SequenceModel
from tests.support.configs import run_config
from tests.support.like_the_loop import assert_like_the_loop, is_compiled

KINDS: dict[str, Callable[[], ElmanCell]] = {
    "modrelu": lambda: elman(nonlinearity="modrelu"),
    "henaff": lambda: elman(recurrent_init="henaff"),
    "sparse": lambda: elman(recurrent_init="scaled", num_nonzero=3),
    "irnn": lambda: elman(nonlinearity="relu", recurrent_init="identity", weight_std=0.001),
}


def elman(input_size: int = 3, hidden_size: int = 6, seed: int = 0, **options: object) -> ElmanCell:
    torch.manual_seed(seed)
    return ElmanCell(input_size, hidden_size, **options)  # pyrefly: ignore[bad-argument-type]


def test_modrelu_is_the_papers() -> None:
    """Oracle: Arjovsky et al.'s modReLU of real numbers in NumPy, over several steps; b of both signs."""
    cell = elman(nonlinearity="modrelu").double()
    torch.nn.init.uniform_(cell.bias, -0.5, 0.5)
    w, u, b = (p.detach().numpy() for p in (cell.weight_ih, cell.weight_hh, cell.bias))
    x, h = np.random.default_rng(0).normal(size=(4, 5, 3)), np.zeros((4, 6))
    hidden, _ = cell(torch.from_numpy(x))
    silent = 0
    for t in range(5):
        a = x[:, t] @ w.T + h @ u.T
        h = np.where(np.abs(a) + b >= 0, np.sign(a) * (np.abs(a) + b), 0.0)
        silent += int((h == 0).sum())
        np.testing.assert_allclose(hidden[:, t].detach().numpy(), h, rtol=1e-12, atol=1e-12)
    assert 0 < silent < 60  # or only one of the two cases was seen


def test_modrelu_starts_as_nearly_the_identity() -> None:
    """Oracle: b within 0.01 (the code of Arjovsky et al.); with b = 0 it is the linear network."""
    cell, linear = (elman(2, 400, nonlinearity=f) for f in ("modrelu", "identity"))
    assert 0.0095 < cell.bias.abs().max().item() <= 0.01
    assert cell.bias.std().item() == pytest.approx(0.01 / math.sqrt(3), rel=0.1)
    torch.nn.init.zeros_(cell.bias)
    inputs = torch.randn(2, 5, 2)
    torch.testing.assert_close(cell(inputs)[0], linear(inputs)[0])
    assert cell.bounds == (-math.inf, math.inf)
    with pytest.raises(ValueError, match=r"nn\.RNN has no nonlinearity=modrelu"):
        cell.torch_layer()


def test_torchs_layer_in_double_precision_has_all_its_bits() -> None:
    """Oracle: the cell itself."""
    cell, inputs = elman(2, 5).double(), torch.randn(3, 7, 2, dtype=torch.double)
    torch.testing.assert_close(
        cell.torch_layer()(inputs)[0], cell(inputs)[0], rtol=1e-14, atol=1e-14
    )


@pytest.mark.parametrize("size", [200, 201])
def test_henaff_turns_pairs_of_units(size: int) -> None:
    """Oracle: blocks of cosines and sines; angles with the deviation of U(-pi, pi)."""
    u = (
        elman(1, size, recurrent_init="henaff", recurrent_gain=0.5).weight_hh.detach().double()
        / 0.5
    )
    expected, angles = torch.eye(size).double(), []
    for k in range(0, size - 1, 2):
        angles.append(math.atan2(u[k + 1, k].item(), u[k, k].item()))
        c, s = math.cos(angles[-1]), math.sin(angles[-1])
        expected[k : k + 2, k : k + 2] = torch.tensor([[c, -s], [s, c]])
    torch.testing.assert_close(u, expected, rtol=0, atol=2e-6)
    assert -math.pi <= min(angles) < -0.9 * math.pi
    assert 0.9 * math.pi < max(angles) <= math.pi
    assert np.std(angles) == pytest.approx(math.pi / math.sqrt(3), rel=0.15)


def test_normal_has_the_gain_as_its_deviation() -> None:
    u = elman(2, 200, recurrent_init="normal", recurrent_gain=0.1).weight_hh.detach()
    assert u.std().item() == pytest.approx(0.1, rel=0.02)
    assert abs(u.mean().item()) < 0.002
    assert u.abs().max().item() > 0.35  # beyond what a uniform one of that deviation reaches


@pytest.mark.parametrize("init", ["normal", "scaled"])
def test_weights_into_a_unit_are_few(init: str) -> None:
    """Oracle: of all units, one at a time, how many change a unit; not how many a unit changes."""
    cell = elman(2, 60, nonlinearity="identity", recurrent_init=init, num_nonzero=15)
    (after,) = cell.step(torch.zeros(60, 2), (torch.eye(60),))  # of unit j alone, row j
    incoming, outgoing = (after != 0).sum(dim=0), (after != 0).sum(dim=1)
    assert incoming.tolist() == [15] * 60
    assert outgoing.sum() == 15 * 60
    assert len(set(outgoing.tolist())) > 3
    of_units = {tuple(row) for row in (after != 0).T.tolist()}
    assert len(of_units) == 60
    few = elman(2, 6, recurrent_init=init, num_nonzero=15).weight_hh
    assert few.all()  # at most 15, and there are 6


def test_a_sparse_u_is_scaled_after_it_is_thinned() -> None:
    """Also with one weight into each unit, where only a cycle has an eigenvalue."""
    for num_nonzero, seed in ((15, 0), (1, 0), (1, 1), (1, 2)):
        cell = elman(
            2, 50, seed, recurrent_init="scaled", recurrent_gain=0.95, num_nonzero=num_nonzero
        )
        radius = torch.linalg.eigvals(cell.weight_hh.detach().double()).abs().max().item()
        assert radius == pytest.approx(0.95, rel=1e-4)


# (f, deviation of W and V, deviation of U or None, spectral radius or None, weights into a unit)
PUBLISHED = {
    "pascanu_sigmoid": ("sigmoid", 0.01, 0.01, None, 50),
    "pascanu_basic_tanh": ("tanh", 0.1, 0.1, None, 50),
    "pascanu_smart_tanh": ("tanh", 0.01, None, 0.95, 15),
    "irnn": ("relu", 0.001, None, 1.0, 1),
}


@pytest.mark.parametrize("preset", PUBLISHED)
def test_presets_start_as_published(preset: str) -> None:
    """Oracle: the table of Pascanu et al. (2013), and Le et al. (2015): all biases are 0."""
    f, deviation, of_u, radius, incoming = PUBLISHED[preset]
    torch.manual_seed(0)
    model = run_config(f"cell={preset}", "task=copy_memory", "cell.hidden_size=50").model.make()
    (cell,) = model.layers
    assert isinstance(cell, ElmanCell)
    assert cell.nonlinearity == f
    for weight in (cell.weight_ih, model.readout.weight):
        assert weight.std().item() == pytest.approx(deviation, rel=0.1)
        assert weight.abs().max().item() > 2 * deviation
    assert not cell.bias.any()
    assert not model.readout.bias.any()
    u = cell.weight_hh.detach()
    assert (u != 0).sum(dim=1).tolist() == [incoming] * 50
    if of_u is not None:
        assert u.std().item() == pytest.approx(of_u, rel=0.05)
    if radius is not None:
        assert torch.linalg.eigvals(u).abs().max().item() == pytest.approx(radius, rel=1e-4)
    assert preset != "irnn" or torch.equal(u, torch.eye(50))


def test_the_orthogonal_preset() -> None:
    """Oracle: U^T U = I at the start, and no longer after an update."""
    model = run_config("cell=orthogonal", "cell.hidden_size=20").model.make()
    (cell,) = model.layers
    assert isinstance(cell, ElmanCell)
    assert cell.nonlinearity == "modrelu"
    eye = torch.eye(20)
    torch.testing.assert_close(cell.weight_hh.T @ cell.weight_hh, eye, rtol=0, atol=1e-5)
    cell(torch.randn(2, 5, cell.input_size))[0].square().sum().backward()
    torch.optim.SGD(cell.parameters(), lr=0.1).step()
    assert not torch.allclose(cell.weight_hh.T @ cell.weight_hh, eye, rtol=0, atol=1e-3)


def test_the_last_layer_says_how_the_readout_starts() -> None:
    """Oracle: torch's own U(-1/sqrt(H), 1/sqrt(H)) for a layer that says nothing of it."""
    few, plain = (
        partial(ElmanCell, hidden_size=40, weight_std=0.001),
        partial(LSTMCell, hidden_size=40),
    )
    made = {"below": [few, plain], "last": [plain, few]}
    deviations = {}
    for name, cells in made.items():
        left = iter(cells)
        model = SequenceModel(lambda size, left=left: next(left)(size), 3, 10, num_layers=2)
        deviations[name] = model.readout.weight.std().item()
        assert bool(model.readout.bias.any()) == (name == "below")
    assert deviations["below"] == pytest.approx(40**-0.5 / math.sqrt(3), rel=0.1)
    assert deviations["last"] == pytest.approx(0.001, rel=0.1)


@pytest.mark.parametrize("kind", KINDS)
def test_it_runs_compiled(kind: str) -> None:
    """Oracle: the loop over step."""
    cell = KINDS[kind]().double()
    inputs = torch.randn(4, 7, 3, dtype=torch.float64, requires_grad=True)
    assert is_compiled(cell, inputs)
    assert_like_the_loop(cell, inputs)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_nonzero": 2}, "^num_nonzero=2 goes with recurrent_init=scaled and normal .*default"),
        ({"num_nonzero": 2, "recurrent_init": "henaff"}, "^num_nonzero=2 goes .*henaff"),
        ({"num_nonzero": 0, "recurrent_init": "normal"}, "^num_nonzero=0 is too small: at least 1"),
        ({"num_nonzero": 2.0, "recurrent_init": "normal"}, "^num_nonzero=2.0 is not a whole"),
        ({"weight_std": 0.0}, "^weight_std=0.0 is out of bounds: above 0"),
        ({"weight_std": True}, "^weight_std=True is not a finite number"),
        ({"nonlinearity": "modrelo"}, r"^nonlinearity=modrelo .*did you mean modrelu\?"),
        ({"recurrent_init": "henaf"}, r"^recurrent_init=henaf .*did you mean henaff\?"),
    ],
)
def test_bad_options_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ElmanCell(3, 6, **options)  # pyrefly: ignore[bad-argument-type]
