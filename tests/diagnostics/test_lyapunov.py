"""Oracles: exponents of linear networks, and the growth of a real perturbation."""

import math
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from rnnlab.cells.elman import ElmanCell
from rnnlab.cells.gru import GRUCell
from rnnlab.cells.lstm import LSTMCell
from rnnlab.cells.sequence_model import SequenceModel
from rnnlab.cells.tcn import TCNCell
from rnnlab.diagnostics import Probe
from rnnlab.diagnostics.lyapunov import Lyapunov
from rnnlab.tasks.adding import Adding
from tests.support.systems import linear, orthogonal, probe

LONG = Adding(seq_len=400)


@pytest.mark.parametrize("count", [1, 3, 6, None])
def test_orthogonal_u_has_exponents_zero(count: int | None) -> None:
    metrics, arrays = Lyapunov(count=count).measure(linear(orthogonal(6)))
    assert arrays["exponents"].shape == (count or 6,)
    np.testing.assert_allclose(arrays["exponents"], 0.0, atol=1e-6)
    assert metrics["recurrent/lyapunov_max"] == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("a", [0.5, -0.9, 1.2])
def test_a_multiple_of_the_identity(a: float) -> None:
    _, arrays = Lyapunov(count=3).measure(linear(a * torch.eye(4)))
    np.testing.assert_allclose(arrays["exponents"], math.log(abs(a)), atol=1e-6)


def test_diagonal_u_is_exact_with_all_exponents() -> None:
    u = torch.tensor([0.5, -0.9, 1.1, 0.7])
    metrics, arrays = Lyapunov(count=None).measure(linear(torch.diag(u)))
    expected = sorted((math.log(abs(a)) for a in u.tolist()), reverse=True)
    np.testing.assert_allclose(arrays["exponents"], expected, atol=1e-6)
    assert metrics["recurrent/lyapunov_max"] == pytest.approx(math.log(1.1), abs=1e-6)


def test_the_largest_are_found_among_many() -> None:
    """A random frame turns to the growing directions within the transient: log |eigenvalues|."""
    torch.manual_seed(3)
    u = torch.randn(10, 10, dtype=torch.float64) / 10**0.5
    _, arrays = Lyapunov(count=3, transient=0.45).measure(linear(u, LONG))
    moduli = np.sort(np.log(np.abs(np.linalg.eigvals(u.numpy()))))[::-1]
    # The mean over a conjugate pair of eigenvalues is reached as the steps grow, as 1/steps.
    np.testing.assert_allclose(arrays["exponents"], moduli[:3], atol=0.02)


@pytest.mark.parametrize("cell", [ElmanCell, GRUCell, LSTMCell])
def test_is_the_rate_of_a_real_perturbation(cell: type) -> None:
    """Two runs through `forward` from neighbouring states, over the same inputs."""
    task = Adding(seq_len=60)
    seen = probe(cell, task=task)
    metrics, _ = Lyapunov(count=None, sequences=1, steps=1, transient=0.0).measure(seen)
    unrolled = seen.unrolled(1)
    layer = seen.model.layers[0]
    inputs = unrolled.batch.inputs.detach()
    _, start = layer(inputs[:, :30])
    torch.manual_seed(0)
    pushed = tuple(s + 1e-6 * torch.randn_like(s) for s in start)
    ends = [layer(inputs[:, 30:], state)[1] for state in (start, pushed)]
    distances = [
        torch.cat([a - b for a, b in zip(*pair, strict=True)], dim=1).norm().item()
        for pair in ((start, pushed), ends)
    ]
    rate = math.log(distances[1] / distances[0]) / 30
    assert metrics["recurrent/lyapunov_max"] == pytest.approx(rate, abs=0.1)


def test_the_approach_from_zero_is_left_out() -> None:
    """h_t = tanh(a h_{t-1} + b) goes from 0 to its fixed point, of which the exponent is known."""
    a, b = 1.8, 0.3
    seen = probe(ElmanCell, size=1, task=Adding(seq_len=50))
    (cell,) = seen.model.layers
    assert isinstance(cell, ElmanCell)
    cell.weight_ih.data.zero_()
    cell.weight_hh.data.fill_(a)
    cell.bias.data.fill_(b)
    h = 0.0
    for _ in range(1000):
        h = math.tanh(a * h + b)
    settled = math.log(a * (1 - h * h))
    counted, _ = Lyapunov(count=1, steps=1).measure(seen)
    assert counted["recurrent/lyapunov_max"] == pytest.approx(settled, abs=1e-3)
    assert counted["recurrent/lyapunov_unsettled"] < 1e-2
    all_of_it, _ = Lyapunov(count=1, steps=1, transient=0.0).measure(seen)
    assert all_of_it["recurrent/lyapunov_max"] > settled + 0.02
    # By hand, the quarters of a sequence, in whole parts of 5 steps: logs of the derivative.
    states = [0.0]
    for _ in range(50):
        states.append(math.tanh(a * states[-1] + b))
    logs = [math.log(a * (1 - after * after)) for after in states[1:]]
    quarters = [logs[:15], logs[15:30], logs[30:40], logs[40:]]
    means = [sum(part) / len(part) for part in quarters]
    unsettled = max(means) - min(means)
    assert all_of_it["recurrent/lyapunov_unsettled"] == pytest.approx(unsettled, rel=1e-9)


def test_directions_far_apart_keep_their_digits() -> None:
    """Within 5 steps the third direction shrinks by 1e-20 beside the first: one product would hold rounding alone."""
    lengths, axes = torch.tensor([1.0, 0.1, 1e-4, 1e-7], dtype=torch.float64), orthogonal(4)
    u = axes @ (lengths.diag() + torch.ones(4, 4, dtype=torch.float64).triu(1)) @ axes.mT
    _, arrays = Lyapunov(count=3).measure(linear(u))
    np.testing.assert_allclose(arrays["exponents"], lengths.log().numpy()[:3], atol=1e-3)


@pytest.mark.parametrize("cell", [ElmanCell, GRUCell, LSTMCell])
def test_is_what_a_qr_at_every_step_gives(cell: type, monkeypatch: pytest.MonkeyPatch) -> None:
    """Oracle: the same, orthonormalised at every step; two layers."""
    seen = probe(cell, task=Adding(seq_len=30), num_layers=2)
    often, seldom = Lyapunov(), Lyapunov()
    expected = seldom.measure(seen)
    monkeypatch.setattr("rnnlab.diagnostics.lyapunov.EVERY", 1)
    found = often.measure(seen)
    np.testing.assert_allclose(
        expected.arrays["exponents"], found.arrays["exponents"], rtol=1e-6, atol=1e-7
    )


@pytest.mark.parametrize("length", [10, 50])
def test_no_chaos_is_seen_where_the_long_run_has_none(length: int) -> None:
    """Oracle: the same networks over 1500 steps. U of 2 is at the edge; one short sequence errs."""
    for seed in range(4):
        short, long = (
            Lyapunov(count=8, sequences=4, steps=steps).measure(_at_the_edge(seed, of)).metrics
            for steps, of in ((200, length), (1500, 50))
        )
        found, unsettled = (short[f"recurrent/lyapunov_{n}"] for n in ("max", "unsettled"))
        truth = long["recurrent/lyapunov_max"]
        assert found == pytest.approx(truth, abs=0.05)
        assert truth > 0 or found < unsettled


def test_one_short_sequence_grows_faster_than_the_long_run() -> None:
    """Why sequences are joined: by more than .05 a step in the mean of 8 networks, within 10 steps."""
    growth = [
        Lyapunov(count=8, steps=steps).measure(_at_the_edge(seed, 10)).metrics
        for seed in range(8)
        for steps in (1, 200)
    ]
    largest = [one["recurrent/lyapunov_max"] for one in growth]
    assert np.mean(largest[::2]) > np.mean(largest[1::2]) + 0.05


def _at_the_edge(seed: int, length: int) -> Probe:
    """Of an Elman of 64 units with U twice torch's."""
    torch.manual_seed(seed)
    cell = partial(ElmanCell, hidden_size=64, recurrent_gain=2.0)
    task = Adding(seq_len=length)
    return Probe(SequenceModel(cell, task.input_size, task.output_size), task, seed)


def test_sequences_that_draw_their_length_are_joined_as_they_are() -> None:
    """Oracle: with W = 0 the inputs do not matter, and U = a I has log a, however long they are."""
    task = Adding(seq_len=30, variant="hochreiter1997")
    metrics, _ = Lyapunov(count=2).measure(linear(0.9 * torch.eye(3), task))
    assert metrics["recurrent/lyapunov_max"] == pytest.approx(math.log(0.9), abs=1e-6)


def test_a_dead_network_has_no_finite_exponent() -> None:
    metrics, _ = Lyapunov().measure(linear(torch.zeros(3, 3)))
    assert metrics["recurrent/lyapunov_max"] == -math.inf


def test_choices_and_refusals() -> None:
    seen = probe(LSTMCell)
    shapes = {
        count: Lyapunov(count=count).measure(seen).arrays["exponents"].shape for count in (2, 1000)
    }
    assert shapes == {2: (2,), 1000: (10,)}
    values = [
        Lyapunov(sequences=n, steps=k, transient=t).measure(seen).metrics["recurrent/lyapunov_max"]
        for n, k, t in ((4, 200, 0.2), (2, 200, 0.2), (4, 100, 0.2), (4, 200, 0.4))
    ]
    assert len(set(values)) == 4
    wrongs: tuple[dict[str, Any], ...] = (
        {"count": 0},
        {"sequences": 0},
        {"steps": 0},
        {"transient": 0.5},
    )
    for wrong in wrongs:
        ((key, value),) = wrong.items()
        with pytest.raises(ValueError, match=f"{key}={value}"):
            Lyapunov(**wrong)


def test_what_is_not_recurrent_has_none() -> None:
    """Oracle: two states, apart from one another, which are the same after the three steps that h sees."""
    seen = probe(lambda n, size: TCNCell(n, size, kernel_size=2, num_levels=1))
    x = torch.randn(1, 3, 2, dtype=torch.double)
    after = [seen.dynamics.run(x, torch.randn(1, seen.dynamics.size).double()) for _ in range(2)]
    assert torch.equal(*after)
    assert Lyapunov().measure(seen) == ({}, {})
