"""An RNN whose U stays orthogonal. Oracles: NumPy, the norm of a gradient, what is saved and loaded."""

import copy
import math

import numpy as np
import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from rnnlab.cells.exprnn import ExpRNNCell
from rnnlab.cells.sequence_model import SequenceModel
from tests.support.like_the_loop import assert_like_the_loop, is_compiled, warnings

A = "recurrent.parametrizations.weight.original"


def exprnn(input_size: int = 3, hidden_size: int = 6, seed: int = 0) -> ExpRNNCell:
    """In double precision, with no number of A's lower triangle 0, and b of both signs."""
    torch.manual_seed(seed)
    cell = ExpRNNCell(input_size, hidden_size).double()
    with torch.no_grad():
        cell.get_parameter(A).add_(torch.randn(hidden_size, hidden_size).tril(-1))
        cell.bias.uniform_(-0.3, 0.3)
    return cell


def recurrent_matrix(cell: ExpRNNCell) -> np.ndarray:
    """exp(A - A^T) from the eigenvectors of the Hermitian i (A - A^T), in NumPy."""
    lower = np.tril(cell.get_parameter(A).detach().numpy(), -1)
    values, vectors = np.linalg.eigh(1j * (lower - lower.T))
    return ((vectors * np.exp(-1j * values)) @ vectors.conj().T).real


def test_several_steps_in_numpy() -> None:
    cell = exprnn()
    u, w, b = recurrent_matrix(cell), *(p.detach().numpy() for p in (cell.weight_ih, cell.bias))
    x, h = np.random.default_rng(0).normal(size=(4, 6, 3)), np.zeros((4, 6))
    hidden, (end,) = cell(torch.from_numpy(x))
    for t in range(6):
        a = x[:, t] @ w.T + h @ u.T
        h = np.sign(a) * np.maximum(np.abs(a) + b, 0.0)
        np.testing.assert_allclose(hidden[:, t].detach().numpy(), h, rtol=1e-10, atol=1e-10)
    assert torch.equal(end, hidden[:, -1])


def test_where_it_starts() -> None:
    """Oracle: rotations of pairs of units by angles U(-pi, pi); He's deviations; |b| <= 0.01."""
    torch.manual_seed(0)
    cell = ExpRNNCell(40, 201)
    lower = cell.get_parameter(A).detach()
    angles = lower[torch.arange(1, 200, 2), torch.arange(0, 199, 2)]
    assert int((lower != 0).sum()) == len(angles) == 100
    assert angles.abs().max() <= math.pi
    assert angles.std().item() == pytest.approx(math.pi / math.sqrt(3), rel=0.15)
    u = cell.weight_hh.detach()
    torch.testing.assert_close(u[:2, :2], torch.tensor(turn(angles[0].item())), rtol=0, atol=1e-5)
    assert u[200, 200] == 1
    assert cell.weight_ih.std().item() == pytest.approx((2 / 40) ** 0.5, rel=0.05)
    assert 0.0095 < cell.bias.abs().max().item() <= 0.01
    model = SequenceModel(lambda size: ExpRNNCell(size, 200), 3, 10)
    assert model.readout.weight.std().item() == pytest.approx(0.1, rel=0.05)


def turn(angle: float) -> list[list[float]]:
    c, s = math.cos(angle), math.sin(angle)
    return [[c, -s], [s, c]]


def test_u_stays_orthogonal_whatever_the_optimizer_does() -> None:
    cell, inputs = exprnn(), torch.randn(4, 8, 3, dtype=torch.float64)
    before = cell.weight_hh.detach().clone()
    optimizer = torch.optim.Adam(cell.parameters(), lr=0.5)
    for _ in range(5):
        optimizer.zero_grad()
        cell(inputs)[0].square().sum().backward()
        optimizer.step()
    u = cell.weight_hh.detach()
    torch.testing.assert_close(u.T @ u, torch.eye(6).double(), rtol=0, atol=1e-12)
    assert (u - before).abs().max() > 0.5
    assert not cell.get_parameter(A).triu().any()  # which U does not depend on


@pytest.mark.parametrize("steps", [1, 200])
def test_a_gradient_keeps_its_norm(steps: int) -> None:
    """Closed form: with b = 0 modReLU is the identity, and the Jacobian of T steps is U^T, orthogonal."""
    cell = exprnn(2, 8)
    nn.init.zeros_(cell.bias)
    h = torch.randn(5, 8, dtype=torch.float64, requires_grad=True)
    _, (end,) = cell(torch.randn(5, steps, 2, dtype=torch.float64), (h,))
    of_end = torch.randn_like(end)
    (of_h,) = torch.autograd.grad(end, h, of_end)
    torch.testing.assert_close(of_h.norm(dim=1), of_end.norm(dim=1), rtol=1e-10, atol=0)
    assert not torch.allclose(of_h, of_end)


def test_it_runs_compiled(caplog: pytest.LogCaptureFixture) -> None:
    """Oracle: the loop over step, values and gradients, A's among them."""
    cell = exprnn()
    inputs = torch.randn(4, 7, 3, dtype=torch.float64, requires_grad=True)
    assert is_compiled(cell, inputs)
    assert_like_the_loop(cell, inputs)
    assert is_compiled(copy.deepcopy(cell).float(), inputs.detach().float())
    assert warnings(caplog) == []


def test_the_exponential_is_computed_once_a_sequence() -> None:
    """Oracle: calls counted, of the loop; and a step alone has the same matrix."""
    cell, calls = exprnn(), list[int]()
    exponential = next(iter(cell.recurrent.get_submodule("parametrizations.weight").children()))
    exponential.register_forward_hook(lambda *_: calls.append(1))
    inputs = torch.randn(2, 9, 3, dtype=torch.float64)
    hidden, _ = cell.unroll(inputs)
    assert len(calls) == 1
    alone = cell.initial_state(inputs)
    for x in inputs.unbind(dim=1):
        alone = cell.step(x, alone)
    assert len(calls) == 10
    torch.testing.assert_close(alone[0], hidden[:, -1], rtol=0, atol=0)


def test_it_is_copied_saved_and_loaded() -> None:
    """Oracle: the bits of the cell itself."""
    cell, inputs = exprnn().float(), torch.randn(2, 5, 3)
    hidden, _ = cell(inputs)
    assert torch.equal(copy.deepcopy(cell)(inputs)[0], hidden)
    other = ExpRNNCell(3, 6)
    other.load_state_dict(load(save(cell.state_dict())))
    assert torch.equal(other(inputs)[0], hidden)
    torch.testing.assert_close(other.double()(inputs.double())[0].float(), hidden)


def updated(updates: int, resumed: int | None = None) -> dict[str, Tensor]:
    """The weights after so many updates; begun anew from what is kept where one is `resumed`."""
    torch.manual_seed(0)
    cell = ExpRNNCell(2, 5)
    optimizer = torch.optim.Adam(cell.parameters(), lr=0.05)
    for k in range(updates):
        if k == resumed:
            kept, of_optimizer = save(cell.state_dict()), copy.deepcopy(optimizer.state_dict())
            cell = ExpRNNCell(2, 5)
            cell.load_state_dict(load(kept))
            optimizer = torch.optim.Adam(cell.parameters(), lr=0.05)
            optimizer.load_state_dict(of_optimizer)
        inputs = torch.randn(3, 6, 2, generator=torch.Generator().manual_seed(k))
        optimizer.zero_grad()
        (cell(inputs)[0] - 1).square().sum().backward()
        optimizer.step()
    return cell.state_dict()


def test_resumed_to_the_bit() -> None:
    """Oracle: training that was never stopped."""
    whole, parts = updated(6), updated(6, resumed=3)
    assert all(torch.equal(value, parts[name]) for name, value in whole.items())
    assert not torch.equal(whole[A], updated(3)[A])


def test_bad_sizes_are_refused() -> None:
    for size in (0, 2.0, True):
        with pytest.raises(ValueError, match=rf"^hidden_size={size} is "):
            ExpRNNCell(3, size)  # pyrefly: ignore[bad-argument-type]
