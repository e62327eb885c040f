"""The sLSTM. Oracles: the paper's equations in NumPy, stabilized and not, and the mean that they come to."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from rnnlab.cells.slstm import SLSTMCell
from tests.support.like_the_loop import is_compiled
from tests.support.written_out import Array, Weights, assert_is, of_gates, perturb, sigmoid

State = tuple[Array, ...]
LOG_FORGET: dict[str, Callable[[Array], Array]] = {
    "sigmoid": lambda f: -np.log1p(np.exp(-f)),
    "exp": lambda f: f,
}

every_gate = pytest.mark.parametrize("forget_gate", LOG_FORGET)


def slstm(*arguments: int, **options: object) -> SLSTMCell:
    torch.manual_seed(0)
    return perturb(SLSTMCell(*arguments, **options))  # pyrefly: ignore


def arrays(cell: SLSTMCell) -> dict[str, Array]:
    return {name: value.detach().numpy() for name, value in cell.named_parameters()}


@every_gate
def test_the_stabilized_equations(forget_gate: str) -> None:
    """From a state with n > 0, as every one is after the first step; m is as large as it comes."""
    cell = slstm(3, 6, forget_gate=forget_gate)
    gates = of_gates(cell)

    def step(x: Array, state: State, weights: Weights) -> State:
        h, c, n, m = state
        i, f, z, o = gates(weights, x, h)
        kept = LOG_FORGET[forget_gate](f) + m
        new_m = np.maximum(kept, i)
        i, f = np.exp(i - new_m), np.exp(kept - new_m)
        new_c, new_n = f * c + i * np.tanh(z), f * n + i
        return sigmoid(o) * new_c / new_n, new_c, new_n, new_m

    draws = np.random.default_rng(5)
    h, c, m = draws.normal(size=(3, 2, 6))
    assert_is(cell, step, start=(h, c, draws.uniform(0.5, 2, size=(2, 6)), m))


@every_gate
@pytest.mark.parametrize("num_heads", [1, 2])
def test_it_is_what_it_is_without_the_stabilizer(forget_gate: str, num_heads: int) -> None:
    """Oracle: c_t = f c_{t-1} + i z and n_t = f n_{t-1} + i from zeros, which double precision holds here.

    U of several heads is written out as one matrix with blocks along its diagonal.
    """
    cell = slstm(3, 6, num_heads=num_heads, forget_gate=forget_gate)
    weights = arrays(cell)
    u, size = np.zeros((4, 6, 6)), 6 // num_heads
    for gate, unit in np.ndindex(4, 6):
        first = unit // size * size
        u[gate, unit, first : first + size] = weights["weight_hh"][6 * gate + unit]
    weights["weight_hh"] = u.reshape(24, 6)
    inputs = np.random.default_rng(6).normal(size=(2, 6, 3))
    hidden, (_, c, n, m) = cell(torch.from_numpy(inputs))
    gates = of_gates(cell)
    h = total = norm = np.zeros((2, 6))
    for t in range(6):
        i, f, z, o = gates(weights, inputs[:, t], h)
        f = np.exp(LOG_FORGET[forget_gate](f))
        total, norm = f * total + np.exp(i) * np.tanh(z), f * norm + np.exp(i)
        h = sigmoid(o) * total / norm
        np.testing.assert_allclose(hidden[:, t].detach().numpy(), h, rtol=1e-10)
    for part, other in ((c, total), (n, norm)):
        np.testing.assert_allclose((part * m.exp()).detach().numpy(), other, rtol=1e-10)


@every_gate
@pytest.mark.parametrize("scale", [1.0, 3000.0])
def test_it_is_a_mean_weighted_by_the_gates(forget_gate: str, scale: float) -> None:
    """Oracle: h_t = o_t sum_s softmax_s(i_s + log f_{s+1} + ... + log f_t) tanh(z_s), with U = 0.

    Exponents of thousands, as those of 3000, overflow in every precision without the stabilizer.
    """
    cell = slstm(3, 6, forget_gate=forget_gate)
    with torch.no_grad():
        cell.weight_hh.zero_()
        cell.weight_ih[:12] *= scale
    weights = arrays(cell)
    inputs = np.random.default_rng(7).normal(size=(2, 6, 3))
    given = torch.from_numpy(inputs).requires_grad_()
    hidden, end = cell(given)
    i, f, z, o = np.split(inputs @ weights["weight_ih"].T + weights["bias"], 4, axis=2)
    log_f = -np.logaddexp(0, -f) if forget_gate == "sigmoid" else f
    for t in range(6):
        after = [log_f[:, s + 1 : t + 1].sum(axis=1) for s in range(t + 1)]
        exponents = i[:, : t + 1] + np.stack(after, axis=1)
        shares = np.exp(exponents - exponents.max(axis=1, keepdims=True))
        mean = (shares * np.tanh(z[:, : t + 1])).sum(axis=1) / shares.sum(axis=1)
        expected = sigmoid(o[:, t]) * mean
        np.testing.assert_allclose(hidden[:, t].detach().numpy(), expected, rtol=1e-6, atol=1e-9)
    (gradient,) = torch.autograd.grad(hidden.sum(), given)
    assert all(part.isfinite().all() for part in (*end, gradient))
    assert abs(i).max() > 1000 or scale == 1.0


@every_gate
def test_it_stays_finite_in_single_precision(forget_gate: str) -> None:
    """Where exp(i) or exp(-i) is beyond all numbers from the first step on. Oracle: double precision."""
    cell = slstm(3, 6, forget_gate=forget_gate)
    with torch.no_grad():
        cell.weight_ih[:12] *= 100
        cell.bias[:6] = torch.tensor([500.0, -500.0, 0.0, 90.0, -90.0, 5.0])
    inputs = torch.randn(2, 50, 3, generator=torch.Generator().manual_seed(0))
    expected, _ = cell(inputs.double())
    hidden, end = cell.float()(inputs.requires_grad_())
    torch.testing.assert_close(hidden.double(), expected, atol=1e-3, rtol=1e-3)
    (gradient,) = torch.autograd.grad(hidden.sum(), inputs)
    assert all(part.isfinite().all() for part in (*end, gradient))


def test_the_units_of_a_head_do_not_see_those_of_another() -> None:
    """Oracle: dh_t/dh_{t-1} is 0 outside the blocks."""
    cell = slstm(2, 6, num_heads=3)
    draws = torch.Generator().manual_seed(0)
    state = torch.rand(4, 1, 6, generator=draws, dtype=torch.float64).unbind()

    def after(h: torch.Tensor) -> torch.Tensor:
        return cell.step(torch.ones(1, 2).double(), (h, *state[1:]))[0]

    found = torch.autograd.functional.jacobian(after, state[0])[0, :, 0]
    blocks = torch.block_diag(*[torch.ones(2, 2)] * 3).bool()
    assert torch.equal(found != 0, blocks)


def test_the_start() -> None:
    cell = SLSTMCell(3, 4, num_heads=2)
    assert cell.weight_hh.shape == (16, 2)
    assert 0 < cell.weight_hh.abs().max().item() <= 0.5
    assert cell.bias.tolist() == [0.0] * 4 + [1.0] * 4 + [0.0] * 8
    assert SLSTMCell(3, 4, forget_bias=-2.0).bias[4:8].tolist() == [-2.0] * 4
    assert cell.state_size == 16


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_heads": 3}, "^num_heads=3 does not divide hidden_size=4"),
        ({"num_heads": 0}, "^num_heads=0 is too small: at least 1"),
        ({"forget_gate": "exq"}, r"^forget_gate=exq is not allowed: did you mean exp\?"),
        ({"forget_bias": None}, "^forget_bias=None is not a finite number"),
    ],
)
def test_bad_options_are_refused(options, message) -> None:
    with pytest.raises(ValueError, match=message):
        SLSTMCell(3, 4, **options)


@pytest.mark.parametrize("options", [{}, {"num_heads": 2}, {"forget_gate": "exp"}], ids=str)
def test_it_runs_compiled(options) -> None:
    assert is_compiled(SLSTMCell(3, 6, **options).double(), torch.randn(2, 6, 3).double())
