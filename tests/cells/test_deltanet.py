"""DeltaNet and Gated DeltaNet. Oracles: the papers' equations in NumPy, eigenvalues of a step, a closed form of parity."""

import numpy as np
import pytest
import torch

from rnnlab.cells.deltanet import DeltaNetCell
from rnnlab.cells.gated_deltanet import GatedDeltaNetCell
from tests.support.like_the_loop import assert_like_the_loop

both = pytest.mark.parametrize("make", [DeltaNetCell, GatedDeltaNetCell])


def cell_of(make: type[DeltaNetCell], num_heads: int = 1, negative: bool = False) -> DeltaNetCell:
    torch.manual_seed(0)
    cell = make(3, 6, num_heads, negative).double()
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return cell


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def by_the_equations(cell: DeltaNetCell, x, memory, largest_beta: float):
    """Outputs of one sequence, (steps, heads, d), and the last S of each head."""
    weights = {name: value.detach().numpy() for name, value in cell.named_parameters()}
    heads, size = memory.shape[:2]
    features = x @ weights["weight_ih"].T + weights["bias"]
    q, k, v, beta = np.split(features, np.arange(1, 4) * heads * size, axis=1)
    alpha = np.ones_like(beta)
    if "decay_log" in weights:
        share = np.log1p(np.exp(x @ weights["weight_gate"].T + weights["bias_gate"]))
        alpha = np.exp(-np.exp(weights["decay_log"]) * share)
    outputs = np.zeros((len(x), heads, size))
    for n in range(heads):
        s, part = memory[n], slice(n * size, (n + 1) * size)
        for t in range(len(x)):
            query, key = (y[t, part] / np.sqrt((y[t, part] ** 2).sum()) for y in (q, k))
            b = largest_beta * sigmoid(beta[t, n])
            s = alpha[t, n] * s @ (np.eye(size) - b * np.outer(key, key))
            s = s + b * np.outer(v[t, part], key)
            outputs[t, n] = s @ query
        memory[n] = s
    return outputs, memory


@both
@pytest.mark.parametrize("num_heads", [1, 3])
@pytest.mark.parametrize("negative", [False, True])
def test_the_equations(make: type[DeltaNetCell], num_heads: int, negative: bool) -> None:
    cell = cell_of(make, num_heads, negative)
    x = torch.randn(2, 35, 3, dtype=torch.double)
    h, memory = (torch.randn_like(part) for part in cell.initial_state(x))
    hidden, (last, end) = cell(x, (h, memory))
    assert torch.equal(last, hidden[:, -1])
    for i in range(2):
        given = x[i].numpy(), memory[i].numpy().copy(), 2.0 if negative else 1.0
        outputs, expected = by_the_equations(cell, *given)
        np.testing.assert_allclose(hidden[i].detach(), outputs.reshape(35, 6), rtol=1e-9)
        np.testing.assert_allclose(end[i].detach(), expected, rtol=1e-9, atol=1e-12)


@both
@pytest.mark.parametrize("steps", [1, 35])
def test_chunks_are_the_loop(make: type[DeltaNetCell], steps: int) -> None:
    """Values and gradients, from 0 and from a state, also where a chunk is not full."""
    cell = cell_of(make, num_heads=2, negative=True)
    x = torch.randn(2, steps, 3, dtype=torch.double, requires_grad=True)
    state = tuple(torch.randn_like(part).requires_grad_() for part in cell.initial_state(x))
    for start in (None, state):
        assert_like_the_loop(cell, x, start)


@pytest.mark.parametrize("negative", [False, True])
def test_eigenvalues_of_a_step(negative: bool) -> None:
    """Oracle: numpy's, of dS_t/dS_{t-1}: 1 - beta once for each row of S, and else 1."""
    cell = cell_of(DeltaNetCell, negative=negative)
    with torch.no_grad():
        cell.bias[-1] = 2.0  # beta's
    x, h = torch.randn(1, 3, dtype=torch.double), torch.zeros(1, 6, dtype=torch.double)
    step = torch.autograd.functional.jacobian(
        lambda s: cell.step(x, (h, s.view(1, 1, 6, 6)))[1].flatten(), torch.randn(36).double()
    )
    assert isinstance(step, torch.Tensor)
    found = np.sort(np.linalg.eigvals(step.numpy()).real)
    beta = cell.steps_of(x).beta.item()
    np.testing.assert_allclose(found, [1 - beta] * 6 + [1.0] * 30, rtol=1e-9)
    assert bool(found[0] < 0) is negative


def test_only_a_negative_eigenvalue_counts_modulo_two() -> None:
    """By hand: with beta = 2 at each 1 and none at a 0, S k v changes its sign at each 1, as in Grazzi et al.

    One head of size 1: k = q = 1, v = 0 and S_0 = 1. Then h_t = (-1)^(ones so far).
    """
    cell = DeltaNetCell(1, 1, negative_eigenvalues=True).double()
    with torch.no_grad():
        cell.weight_ih.copy_(torch.tensor([[0.0], [0.0], [0.0], [2000.0]]))
        cell.bias.copy_(torch.tensor([1.0, 1.0, 0.0, -1000.0]))
    bits = torch.tensor([1, 1, 0, 1, 0, 0, 1, 1, 1]).double()
    start = torch.zeros(1, 1, dtype=torch.double), torch.ones(1, 1, 1, 1, dtype=torch.double)
    hidden, _ = cell(bits.view(1, -1, 1), start)
    assert hidden.flatten().tolist() == ((-1) ** bits.cumsum(0)).tolist()


def test_a_value_is_replaced() -> None:
    """By hand: at beta = 1 the new value of a key stands where the old one stood, and other keys keep theirs."""
    cell = DeltaNetCell(1, 2).double()
    with torch.no_grad():
        cell.weight_ih.zero_()
        # q = k = (1, 0), v = (5, 7), beta = 1
        cell.bias.copy_(torch.tensor([3.0, 0.0, 3.0, 0.0, 5.0, 7.0, 1000.0]))
    memory = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]).double()
    h, after = cell.step(torch.zeros(1, 1).double(), (torch.zeros(1, 2).double(), memory))
    assert after.tolist() == [[[[5.0, 2.0], [7.0, 4.0]]]]
    assert h.tolist() == [[5.0, 7.0]]


def test_a_key_of_zero_writes_nothing() -> None:
    cell = DeltaNetCell(3, 6).double()
    x = torch.zeros(1, 40, 3, dtype=torch.double, requires_grad=True)
    hidden, (_, memory) = cell(x)
    assert not hidden.any()
    assert not memory.any()
    hidden.sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()


def test_how_the_gate_starts() -> None:
    """Oracle: exp(A) in [1, 16] and softplus(b) in [0.001, 0.1], which is alpha of an input of 0."""
    torch.manual_seed(0)
    cell = GatedDeltaNetCell(3, 400, num_heads=400)
    rates = cell.decay_log.exp().detach()
    shares = torch.nn.functional.softplus(cell.bias_gate).detach()
    assert 1 <= rates.min() < 1.2
    assert 15.8 < rates.max() <= 16
    assert rates.mean().item() == pytest.approx(8.5, abs=0.7)
    assert 0.00099 < shares.min() < 0.0011
    assert 0.09 < shares.max() < 0.1001
    assert shares.log().mean().item() == pytest.approx(np.log(0.01), abs=0.2)
    _, _, _, beta, log_alpha = cell.steps_of(torch.zeros(1, 3))
    torch.testing.assert_close(log_alpha[0].detach(), -rates * shares)
    assert torch.equal(beta, torch.full_like(beta, 0.5))


@both
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_heads": 4}, "^num_heads=4 does not divide hidden_size=6: "),
        ({"num_heads": 0}, "^num_heads=0 is too small"),
        ({"negative_eigenvalues": "[-1,1]"}, "^negative_eigenvalues=.* is neither true nor false"),
    ],
)
def test_what_is_refused(make: type[DeltaNetCell], options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(3, 6, **options)
