"""JANET and the minimal gated unit, whose only gate forgets.

Oracles: their equations written out in NumPy, with gradients by finite differences; torch.nn.GRU, which each of
them comes to with some of its weights fixed.
"""

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from rnnlab.cells import Cell
from rnnlab.cells.gated import GatedCell
from rnnlab.cells.janet import JANETCell
from rnnlab.cells.mgu import MGUCell
from tests.support.like_the_loop import is_compiled
from tests.support.written_out import Array, Weights, assert_is, of_gates, perturb, sigmoid

State = tuple[Array, ...]


@pytest.mark.parametrize("beta", [1.0, -0.5])
def test_janet_written_out(beta: float) -> None:
    cell = perturb(JANETCell(3, 6, beta=beta))
    gates = of_gates(cell)

    def step(x: Array, state: State, weights: Weights) -> State:
        (h,) = state
        s, c = gates(weights, x, h)
        return (sigmoid(s) * h + (1 - sigmoid(s - beta)) * np.tanh(c),)

    assert_is(cell, step)


def test_mgu_written_out() -> None:
    """As the paper has it, with [f * h, x] and [h, x] in a row."""
    cell = perturb(MGUCell(3, 6))

    def step(x: Array, state: State, weights: Weights) -> State:
        (h,) = state
        both = np.concatenate([weights["weight_hh"], weights["weight_ih"]], axis=1)
        b = weights["bias"]
        f = sigmoid(np.concatenate([h, x], axis=1) @ both[:6].T + b[:6])
        n = np.tanh(np.concatenate([f * h, x], axis=1) @ both[6:].T + b[6:])
        return ((1 - f) * h + f * n,)

    assert_is(cell, step)


def torch_gru(w: list[Tensor], u: list[Tensor], b: list[Tensor]) -> nn.GRU:
    """Of the rows of r, z and n."""
    layer = nn.GRU(w[0].size(1), len(w[0]), batch_first=True).double()
    named = {"weight_ih_l0": w, "weight_hh_l0": u, "bias_ih_l0": b}
    weights = {name: torch.cat(rows).detach() for name, rows in named.items()}
    layer.load_state_dict({**weights, "bias_hh_l0": torch.zeros(3 * len(w[0]))})
    return layer


def assert_is_torch_gru(cell: Cell, layer: nn.GRU) -> None:
    inputs = torch.randn(4, 7, cell.input_size, dtype=torch.float64)
    mine, theirs = inputs.clone().requires_grad_(), inputs.clone().requires_grad_()
    hidden, (end,) = cell(mine)
    expected, last = layer(theirs)
    torch.testing.assert_close(hidden, expected)
    torch.testing.assert_close(end, last[0])
    hidden.sin().sum().backward()
    expected.sin().sum().backward()
    torch.testing.assert_close(mine.grad, theirs.grad)


def rows_of(cell: GatedCell) -> tuple[list[Tensor], list[Tensor]]:
    """W, U and b of the gate, and of the other half."""
    halves = [part.chunk(2) for part in (cell.weight_ih, cell.weight_hh, cell.bias)]
    return [first for first, _ in halves], [second for _, second in halves]


def test_janet_without_beta_is_a_gru_that_never_resets() -> None:
    """torch's reset gate at sigmoid(100), which is 1 in double precision, and z = f."""
    cell = perturb(JANETCell(3, 6, beta=0.0))
    of_f, of_n = rows_of(cell)
    zeros = [torch.zeros_like(part) for part in of_f]
    open_gate = [zeros[0], zeros[1], zeros[2] + 100]
    w, u, b = map(list, zip(open_gate, of_f, of_n, strict=True))
    assert_is_torch_gru(cell, torch_gru(w, u, b))


def test_mgu_is_a_gru_with_one_gate() -> None:
    """r = f and z = 1 - f = sigmoid(-a_f). torch resets after the product with U_n, which is the same
    where U_n is diagonal."""
    cell = perturb(MGUCell(3, 6))
    with torch.no_grad():
        cell.weight_hh[6:] *= torch.eye(6)
    of_f, of_n = rows_of(cell)
    w, u, b = map(list, zip(of_f, [-part for part in of_f], of_n, strict=True))
    assert_is_torch_gru(cell, torch_gru(w, u, b))


@pytest.mark.parametrize("beta", [1.0, 0.0, -2.0])
def test_how_large_janet_can_become(beta: float) -> None:
    """Oracle: the fixed point at g = 1, (1 - sigmoid(f - beta)) / (1 - sigmoid(f)), which goes from 1 to
    exp(beta) as f grows."""
    cell = JANETCell(1, 1, beta=beta).double()
    nn.init.zeros_(cell.weight_ih)
    nn.init.zeros_(cell.weight_hh)
    low, high = cell.bounds
    assert (low, high) == (-math.exp(max(beta, 0)), math.exp(max(beta, 0)))
    for f in (-30.0, 0.0, 20.0):
        with torch.no_grad():
            cell.bias.copy_(torch.tensor([f, 30.0]))  # tanh(30) is 1
        fixed = (1 + math.exp(f)) / (1 + math.exp(f - beta))
        h = torch.tensor([[fixed]], dtype=torch.float64)
        (after,) = cell.step(torch.zeros(1, 1).double(), (h,))
        assert after.item() == pytest.approx(fixed, rel=1e-7)
        assert fixed <= high * (1 + 1e-12)
    nearest = (1 + math.exp(math.copysign(20, beta))) / (
        1 + math.exp(math.copysign(20, beta) - beta)
    )
    assert nearest == pytest.approx(high, rel=1e-6)


def test_the_start_of_janet() -> None:
    """Oracles: b_f = forget_bias, or exp(b_f) within (1, chrono - 1), whose mean is chrono / 2; b_g = 0."""
    assert JANETCell(2, 3).bias.tolist() == [1.0] * 3 + [0.0] * 3
    assert JANETCell(2, 3, forget_bias=None).bias.tolist() == [0.0] * 6
    torch.manual_seed(0)
    b_f, b_g = JANETCell(2, 400, forget_bias=None, chrono=50).bias.detach().chunk(2)
    steps = b_f.double().exp()
    assert 1 - 1e-5 <= steps.min().item() < 3
    assert 47 < steps.max().item() <= 49.001
    assert abs(steps.mean().item() - 25) < 4 * 48 / math.sqrt(12 * 400)
    assert not b_g.any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beta": math.inf}, "^beta=inf is not a finite number"),
        ({"beta": None}, "^beta=None is not a finite number"),
        ({"forget_bias": "1"}, "^forget_bias=1 is not a finite number"),
        ({"chrono": 50}, "^chrono=50 and forget_bias=1.0 both .*forget_bias=null"),
        ({"chrono": 2, "forget_bias": None}, "^chrono=2 is too small: at least 3"),
    ],
)
def test_bad_options_are_refused(options, message) -> None:
    with pytest.raises(ValueError, match=message):
        JANETCell(2, 3, **options)


@pytest.mark.parametrize("make", [JANETCell, MGUCell])
def test_it_runs_compiled(make: type[Cell]) -> None:
    assert is_compiled(make(3, 6).double(), torch.randn(2, 4, 3, dtype=torch.float64))
