"""The LSTM with peepholes, that of 1997, and the one with layer normalization.

Oracles: their equations written out in NumPy, with gradients by finite differences; torch.nn.LSTM, which each
of them comes to with some of its weights at 0.
"""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from rnnlab.cells import Cell
from rnnlab.cells.gated import GatedCell
from rnnlab.cells.lstm_1997 import LSTM1997Cell
from rnnlab.cells.lstm_layernorm import LayerNormLSTMCell
from rnnlab.cells.lstm_peephole import PeepholeLSTMCell
from tests.support.like_the_loop import is_compiled
from tests.support.written_out import Array, Weights, assert_is, of_gates, perturb, sigmoid

State = tuple[Array, ...]


def test_peepholes_written_out() -> None:
    cell = perturb(PeepholeLSTMCell(3, 6))
    gates = of_gates(cell)

    def step(x: Array, state: State, weights: Weights) -> State:
        h, c = state
        i, f, g, o = gates(weights, x, h)
        p_i, p_f, p_o = np.split(weights["weight_ch"], 3)
        new = sigmoid(f + p_f * c) * c + sigmoid(i + p_i * c) * np.tanh(g)
        return sigmoid(o + p_o * new) * np.tanh(new), new

    assert_is(cell, step)


@pytest.mark.parametrize("squashing", ["hochreiter1997", "tanh"])
def test_1997_written_out(squashing: str) -> None:
    """With the paper's own formulas of its squashing functions, g and h."""
    cell = perturb(LSTM1997Cell(3, 6, squashing))
    gates = of_gates(cell)
    paper = (lambda a: 4 / (1 + np.exp(-a)) - 2, lambda a: 2 / (1 + np.exp(-a)) - 1)
    squash_g, squash_h = {"hochreiter1997": paper, "tanh": (np.tanh, np.tanh)}[squashing]

    def step(x: Array, state: State, weights: Weights) -> State:
        h, c = state
        i, g, o = gates(weights, x, h)
        new = c + sigmoid(i) * squash_g(g)
        return sigmoid(o) * squash_h(new), new

    assert_is(cell, step)


def test_layer_normalization_written_out() -> None:
    """The paper's equations in its supplement, with torch's 1e-5 below the root."""
    cell = perturb(LayerNormLSTMCell(3, 6))

    def normed(weights: Weights, name: str, z: Array) -> Array:
        mean = z.mean(axis=1, keepdims=True)
        variance = ((z - mean) ** 2).mean(axis=1, keepdims=True)
        z = (z - mean) / np.sqrt(variance + 1e-5)
        return z * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def step(x: Array, state: State, weights: Weights) -> State:
        h, c = state
        of_x = normed(weights, "norm_ih", x @ weights["weight_ih"].T)
        of_h = normed(weights, "norm_hh", h @ weights["weight_hh"].T)
        i, f, g, o = np.split(of_x + of_h + weights["bias"], 4, axis=1)
        new = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(normed(weights, "norm_c", new)), new

    assert_is(cell, step)


def torch_lstm(cell: GatedCell, weight_ih: Tensor, weight_hh: Tensor, bias: Tensor) -> nn.LSTM:
    layer = nn.LSTM(cell.input_size, cell.hidden_size, batch_first=True).double()
    named = {"weight_ih_l0": weight_ih, "weight_hh_l0": weight_hh, "bias_ih_l0": bias}
    layer.load_state_dict({**named, "bias_hh_l0": torch.zeros_like(bias)})
    return layer


def assert_is_torch_lstm(cell: Cell, layer: nn.LSTM) -> None:
    """All hidden states, the last state, and the gradient of the inputs."""
    inputs = torch.randn(4, 7, cell.input_size, dtype=torch.float64)
    mine, theirs = inputs.clone().requires_grad_(), inputs.clone().requires_grad_()
    hidden, end = cell(mine)
    expected, (h, c) = layer(theirs)
    torch.testing.assert_close(hidden, expected)
    torch.testing.assert_close(end, (h[0], c[0]))
    (hidden.sin().sum() + end[1].sum()).backward()
    (expected.sin().sum() + c.sum()).backward()
    torch.testing.assert_close(mine.grad, theirs.grad)


def test_without_its_peepholes_it_is_torch_lstm() -> None:
    torch.manual_seed(0)
    cell = perturb(PeepholeLSTMCell(3, 6))
    nn.init.zeros_(cell.weight_ch)
    layer = torch_lstm(cell, cell.weight_ih, cell.weight_hh, cell.bias)
    assert_is_torch_lstm(cell, layer)


def test_with_the_squashing_of_today_it_is_torch_lstm_that_never_forgets() -> None:
    """Its forget gate at sigmoid(100), which is 1 in double precision."""
    torch.manual_seed(0)
    cell = perturb(LSTM1997Cell(3, 6, "tanh"))

    def with_a_forget_gate(weight: Tensor, forget: float) -> Tensor:
        i, g, o = weight.detach().chunk(3)
        return torch.cat([i, torch.full_like(i, forget), g, o])

    weight_ih, weight_hh = (with_a_forget_gate(w, 0.0) for w in (cell.weight_ih, cell.weight_hh))
    layer = torch_lstm(cell, weight_ih, weight_hh, with_a_forget_gate(cell.bias, 100.0))
    assert_is_torch_lstm(cell, layer)


def test_the_error_flows_back_unchanged() -> None:
    """Oracle: the constant error carousel, dc_T/dc_0 = 1 for every T where U = 0."""
    cell = perturb(LSTM1997Cell(3, 6))
    nn.init.zeros_(cell.weight_hh)
    state = tuple(torch.randn(1, 6, dtype=torch.float64, requires_grad=True) for _ in range(2))
    _, (_, c) = cell(torch.randn(1, 200, 3, dtype=torch.float64), state)
    (gradient,) = torch.autograd.grad(c.sum(), state[1])
    torch.testing.assert_close(gradient, torch.ones_like(gradient))


def test_layer_normalization_does_not_see_the_scale_of_w_and_u() -> None:
    """Oracle: LN(a z) = LN(z), but for the 1e-5, which weights of 1e4 outgrow."""
    cell = perturb(LayerNormLSTMCell(3, 6))
    with torch.no_grad():
        cell.weight_ih.mul_(1e4)
        cell.weight_hh.mul_(1e4)
    inputs = torch.randn(3, 5, 3, dtype=torch.float64)
    expected, _ = cell(inputs)
    with torch.no_grad():
        cell.weight_ih.mul_(7)
        cell.weight_hh.mul_(0.3)
    torch.testing.assert_close(cell(inputs)[0], expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("make", [PeepholeLSTMCell, LayerNormLSTMCell])
def test_the_start(make: type[PeepholeLSTMCell | LayerNormLSTMCell]) -> None:
    """Oracle: the docstrings. U(-1/sqrt(H), 1/sqrt(H)), b_f = 1, all else of b is 0."""
    cell = make(20, 16)
    i, f, g, o = cell.bias.chunk(4)
    assert f.tolist() == [1.0] * 16
    assert not torch.cat([i, g, o]).any()
    assert make(20, 16, forget_bias=-2.5).bias[16:32].tolist() == [-2.5] * 16
    for weight in (cell.weight_ih, cell.weight_hh):
        assert 0.24 < weight.abs().max().item() <= 0.25
        assert weight.std().item() == pytest.approx(0.25 / 3**0.5, rel=0.1)


@pytest.mark.parametrize("make", [PeepholeLSTMCell, LSTM1997Cell, LayerNormLSTMCell])
def test_it_runs_compiled(make: type[Cell]) -> None:
    assert is_compiled(make(3, 6).double(), torch.randn(2, 4, 3, dtype=torch.float64))


@pytest.mark.parametrize("make", [PeepholeLSTMCell, LayerNormLSTMCell])
def test_a_bad_forget_bias_is_refused(
    make: type[PeepholeLSTMCell | LayerNormLSTMCell],
) -> None:
    for value in (float("nan"), None, True, "1"):
        with pytest.raises(ValueError, match=f"^forget_bias={value} is not a finite number"):
            make(2, 3, forget_bias=value)  # pyrefly: ignore[bad-argument-type]


def test_an_unknown_squashing_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^squashing=tahn is not allowed: did you mean tanh\?"):
        LSTM1997Cell(3, 6, "tahn")
