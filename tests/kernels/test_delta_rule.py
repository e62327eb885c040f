"""The delta rule by chunks. Oracle: S_t as the papers write it, step by step in NumPy, with I - beta k k' as a matrix."""

import numpy as np
import pytest
import torch

from rnnlab.kernels import delta_rule as module
from rnnlab.kernels.delta_rule import delta_rule


def by_steps(q, k, v, beta, alpha, state):
    """Outputs and the last S of one head."""
    outputs = []
    for t in range(len(q)):
        kept = np.eye(k.shape[1]) - beta[t] * np.outer(k[t], k[t])
        state = alpha[t] * state @ kept + beta[t] * np.outer(v[t], k[t])
        outputs.append(state @ q[t])
    return np.array(outputs), state


def drawn(steps: int, d_k: int = 4, d_v: int = 3) -> list[torch.Tensor]:
    """q, k, v, beta in (0, 2), log alpha, S; of 2 sequences and 2 heads."""
    torch.manual_seed(steps)
    q, k = (torch.randn(2, 2, steps, d_k, dtype=torch.double) for _ in range(2))
    k = k / k.norm(dim=-1, keepdim=True)
    v = torch.randn(2, 2, steps, d_v, dtype=torch.double)
    beta = 2 * torch.rand(2, 2, steps, dtype=torch.double)
    log_alpha = -torch.rand(2, 2, steps, dtype=torch.double)
    return [q, k, v, beta, log_alpha, torch.randn(2, 2, d_v, d_k, dtype=torch.double)]


@pytest.mark.parametrize("chunk", [1, 4, 32])
@pytest.mark.parametrize("steps", [1, 3, 4, 5, 33])
def test_is_the_loop(steps: int, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK", chunk)
    given = drawn(steps)
    outputs, state = delta_rule(*given)
    given[4] = given[4].exp()
    for i in np.ndindex(2, 2):
        expected, end = by_steps(*(x[i].numpy() for x in given))
        np.testing.assert_allclose(outputs[i], expected, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(state[i], end, rtol=1e-10, atol=1e-12)


@pytest.mark.slow
def test_its_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Oracle: differences."""
    monkeypatch.setattr(module, "CHUNK", 2)
    assert torch.autograd.gradcheck(delta_rule, [x.requires_grad_() for x in drawn(3, 2, 2)])


def test_what_has_faded_costs_no_digits() -> None:
    """In single precision: between two steps nothing fades, whatever has faded before them."""
    given = drawn(32)
    given[4] = torch.where(torch.arange(32) < 16, -300.0, -1e-3).expand(2, 2, 32).double()
    outputs, state = delta_rule(*(x.float() for x in given))
    given[4] = given[4].exp()
    for i in np.ndindex(2, 2):
        expected, end = by_steps(*(x[i].numpy() for x in given))
        np.testing.assert_allclose(outputs[i], expected, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(state[i], end, rtol=1e-4, atol=1e-5)
