"""Oracles: linear networks, an LSTM of forget gates alone, and gradients one sequence at a time."""

import gc
import math
import weakref

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from rnnlab.cells import Cell, State
from rnnlab.cells.elman import ElmanCell
from rnnlab.cells.gru import GRUCell
from rnnlab.cells.lru import LRUCell
from rnnlab.cells.lstm import LSTMCell
from rnnlab.cells.tcn import TCNCell
from rnnlab.diagnostics import Probe
from rnnlab.diagnostics.gradient_by_lag import GradientByLag, horizon
from rnnlab.foundation.compute import set_flush_denormal
from rnnlab.tasks.adding import Adding
from rnnlab.tasks.copy_memory import CopyMemory
from tests.support.systems import linear, orthogonal, probe

LAGS = np.arange(12)


def test_orthogonal_u_keeps_the_gradient() -> None:
    metrics, arrays = GradientByLag().measure(linear(orthogonal(6)))
    np.testing.assert_allclose(arrays["h"] / arrays["h"][0], 1.0, rtol=1e-5)
    assert metrics == {"memory/gradient_horizon": 12, "memory/gradient_horizon_censored": 1}


@pytest.mark.parametrize("a", [0.5, 0.9, 1.2])
def test_a_multiple_of_the_identity_scales_it(a: float) -> None:
    metrics, arrays = GradientByLag().measure(linear(a * torch.eye(4)))
    np.testing.assert_allclose(arrays["h"] / arrays["h"][0], a**LAGS, rtol=1e-5)
    expected = next((k for k in LAGS if a**k < 1e-3), 12)
    assert metrics["memory/gradient_horizon"] == expected
    assert metrics["memory/gradient_horizon_censored"] == (expected == 12)


def test_diagonal_u_by_hand() -> None:
    u = torch.tensor([0.9, 0.5, -0.7])
    seen = linear(torch.diag(u))
    _, arrays = GradientByLag().measure(seen)
    v = seen.model.readout.weight.detach()[0]
    expected = [(u.double() ** k * v).norm().item() for k in range(12)]
    np.testing.assert_allclose(
        arrays["h"] / arrays["h"][0], np.array(expected) / expected[0], rtol=1e-5
    )


def test_below_what_single_precision_holds() -> None:
    """The model's own float32 ends at 1e-45, or, flushed, at 1e-38."""
    seen = linear(1e-3 * torch.eye(4), Adding(seq_len=40))
    single = Probe(seen.model.float(), seen.task, seed=0)
    set_flush_denormal(True)
    try:
        _, arrays = GradientByLag().measure(single)
    finally:
        set_flush_denormal(False)
    np.testing.assert_allclose(arrays["h"] / arrays["h"][0], 1e-3 ** np.arange(40), rtol=1e-4)


@pytest.mark.parametrize("bias", [-1.0, 0.0, 1.0, 5.0])
def test_an_lstm_with_only_a_forget_bias(bias: float) -> None:
    """Without U no h feeds a later step, and f = sigmoid(b) is all that c_{t-1} meets."""
    seen = probe(LSTMCell, size=3)
    (cell,) = seen.model.layers
    assert isinstance(cell, LSTMCell)
    with torch.no_grad():
        cell.weight_hh.zero_()
        cell.weight_ih[3:6] = 0
        cell.bias_hh[3:6] = 0
        cell.bias_ih[3:6] = bias
    metrics, arrays = GradientByLag().measure(seen)
    gate = 1 / (1 + math.exp(-bias))
    np.testing.assert_allclose(arrays["c"] / arrays["c"][0], gate**LAGS, rtol=1e-5)
    assert arrays["h"][1:].max() == 0
    assert metrics["memory/gradient_horizon"] == 1
    assert metrics["memory/gradient_horizon_c"] == next((k for k in LAGS if gate**k < 1e-3), 12)


@pytest.mark.parametrize("cell", [ElmanCell, GRUCell, LSTMCell])
def test_is_the_mean_over_sequences_taken_one_at_a_time(cell: type) -> None:
    """Brute force through `forward`: a small push at h_{T-k} and what it does to the loss."""
    seen = probe(cell)
    _, arrays = GradientByLag(sequences=3).measure(seen)
    batch = seen.batch(3)
    norms = torch.zeros(3)
    k = 4
    for i in range(3):
        inputs, target = batch.inputs[i : i + 1], batch.targets[i : i + 1]
        layer = seen.model.layers[0]
        _, state = layer(inputs[:, : 12 - k])
        h = state[0].detach().requires_grad_()
        hidden, _ = layer(inputs[:, 12 - k :], (h, *(s.detach() for s in state[1:])))
        loss = seen.task.loss(seen.model.read_out(hidden[:, -1:]), target)
        norms[i] = torch.autograd.grad(loss, h)[0].norm()
    assert arrays["h"][k] == pytest.approx(norms.mean().item(), rel=1e-6)


def test_lags_count_from_the_last_answer_alone() -> None:
    """Copy memory has an answer at each step; one at T-1 must not feed the gradient of lag 1."""
    task = CopyMemory(delay=3, num_symbols=2, copy_len=2)
    metrics, arrays = GradientByLag().measure(linear(0.1 * torch.eye(4), task))
    np.testing.assert_allclose(arrays["h"] / arrays["h"][0], 0.1 ** np.arange(7), rtol=1e-5)
    assert metrics["memory/gradient_horizon"] == next(k for k in range(7) if 0.1**k < 1e-3)


class Traced(Cell):
    """h_t = W x_t + s_{t-1}, s_t = 0.5 s_{t-1} + h_t: a user's cell that names no tensor."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.weight = nn.Linear(input_size, hidden_size)

    def initial_state(self, inputs: Tensor) -> State:
        zeros = inputs.new_zeros(inputs.size(0), self.hidden_size)
        return zeros, zeros

    def step(self, inputs: Tensor, state: State) -> State:
        _, s = state
        h = self.weight(inputs) + s
        return h, 0.5 * s + h


def test_any_cell_through_its_step() -> None:
    """ds_t/ds_{t-1} = 0.5 + dh_t/ds_{t-1} = 1.5, and h_t matters through s_t."""
    metrics, arrays = GradientByLag().measure(probe(Traced))
    np.testing.assert_allclose(arrays["state1"][1:] / arrays["state1"][1], 1.5 ** LAGS[:-1])
    np.testing.assert_allclose(arrays["h"][1:], arrays["state1"][1:])
    names = {"memory/gradient_horizon", "memory/gradient_horizon_state1"}
    assert set(metrics) == names | {f"{name}_censored" for name in names}


def test_where_h_is_only_read_out_the_inputs_tell() -> None:
    """Oracle: of one complex mode, dh_T/dx_{T-k} = Re(C lambda^k gamma B), and D more at k = 0."""
    seen = probe(LRUCell, size=1)
    metrics, arrays = GradientByLag().measure(seen)
    (cell,) = seen.model.layers
    assert isinstance(cell, LRUCell)
    with torch.no_grad():
        b, c = torch.complex(*cell.modes.weight_ih), torch.complex(*cell.weight_ho[0])
        powers = torch.complex(*cell.modes.eigenvalues()) ** torch.arange(12)
        by_lag = (c * powers * cell.modes.gamma_log.exp()).unsqueeze(1) * b
        slopes = by_lag.real + cell.weight_io * torch.eye(12)[:, :1]
        expected = slopes.norm(dim=1).numpy()
    assert set(arrays) == {"input", "x"}
    np.testing.assert_allclose(arrays["input"] / arrays["input"][0], expected / expected[0])
    names = {"memory/gradient_horizon", "memory/gradient_horizon_x"}
    assert set(metrics) == names | {f"{name}_censored" for name in names}


def test_of_a_control_it_ends_with_what_that_sees() -> None:
    """Oracle: the receptive field, 1 + 2 (3 - 1) (2 - 1) = 5 inputs."""
    seen = probe(lambda n, size: TCNCell(n, size, kernel_size=3, num_levels=1))
    metrics, arrays = GradientByLag().measure(seen)
    assert (arrays["input"] > 0).tolist() == [k < 5 for k in range(12)]
    assert metrics["memory/gradient_horizon"] == 5


def test_of_several_answers_the_last_one_counts_in_full() -> None:
    """Oracle: the cross entropy of that answer by itself, differentiated in the last h."""
    task = CopyMemory(delay=5)
    seen = probe(GRUCell, task=task)
    _, arrays = GradientByLag(sequences=1).measure(seen)
    batch = seen.batch(1)
    (layer,) = seen.model.layers
    hidden, _ = layer(batch.inputs)
    last = hidden[:, -1].detach().requires_grad_()
    loss = nn.functional.cross_entropy(seen.model.read_out(last), batch.targets[:, -1])
    (gradient,) = torch.autograd.grad(loss, last)
    assert arrays["h"][0] == pytest.approx(gradient.norm().item(), rel=1e-6)


def test_layers_count_as_one_vector() -> None:
    seen = probe(LSTMCell, num_layers=2)
    _, arrays = GradientByLag(sequences=2).measure(seen)
    total = seen.unrolled(2).of_last_answer.total["h"]
    assert total.shape == (12, 2, 10)
    by_layer = total.double().unflatten(2, (2, 5)).norm(dim=3).square().sum(dim=2).sqrt()
    np.testing.assert_allclose(arrays["h"], 2 * by_layer.mean(dim=1).flip(0).numpy(), rtol=1e-6)
    assert (by_layer > 0).all()


@pytest.mark.parametrize(
    ("norms", "expected"),
    [
        ([1.0, 0.1, 1e-3, 9e-4, 1.0], 3),
        ([2.0, 2e-3, 1.9e-3], 2),
        ([1.0, 1.0], 2),
        ([0.0, 1.0], math.nan),
        ([math.nan, 1.0], math.nan),
    ],
)
def test_horizon_by_hand(norms: list[float], expected: float) -> None:
    assert horizon(np.array(norms)) == pytest.approx(expected, nan_ok=True)


def test_the_model_is_left_as_it_was() -> None:
    seen = probe(GRUCell)
    before = [p.clone() for p in seen.model.parameters()]
    state = torch.get_rng_state()
    GradientByLag().measure(seen)
    assert all(p.grad is None for p in seen.model.parameters())
    assert all(torch.equal(p, q) for p, q in zip(before, seen.model.parameters(), strict=True))
    assert torch.equal(state, torch.get_rng_state())


def test_every_seed_shows_other_sequences_and_every_variant_the_same() -> None:
    elman, gru = probe(ElmanCell), probe(GRUCell)
    assert torch.equal(elman.batch(4).inputs, gru.batch(4).inputs)
    other = Probe(elman.model, elman.task, seed=1)
    assert not torch.equal(elman.batch(4).inputs, other.batch(4).inputs)
    with pytest.raises(ValueError, match="sequences=0 is too small"):
        GradientByLag(sequences=0)


def test_a_length_drawn_by_the_protocol_is_the_batchs() -> None:
    task = Adding(seq_len=30, variant="pascanu2013")
    seen = probe(ElmanCell, task=task)
    _, arrays = GradientByLag().measure(seen)
    assert len(arrays["h"]) == seen.batch(32).inputs.size(1)


def test_the_graph_of_a_look_goes_with_its_probe() -> None:
    """Else every look would keep the states and gradients of all its steps until the run ends."""
    seen = probe(GRUCell)
    assert seen.unrolled(4) is seen.unrolled(4)
    left = weakref.ref(seen.unrolled(4))
    del seen
    gc.collect()
    assert left() is None
