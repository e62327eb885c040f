"""A cell set beside its equations written out in NumPy: values of several steps, and their gradients."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

import numpy as np
import torch

from rnnlab.cells import Cell

C = TypeVar("C", bound=Cell)
Array = np.ndarray
Weights = Mapping[str, Array]
Step = Callable[[Array, tuple[Array, ...], Weights], tuple[Array, ...]]
"""(x_t, the state before, the weights by name) -> the state after."""

BATCH, STEPS = 2, 4
OFFSET = 1e-5  # of a finite difference, whose error is of its square


def sigmoid(a: Array) -> Array:
    return 1 / (1 + np.exp(-a))


def perturb(cell: C, by: float = 0.5) -> C:
    """In float64, every parameter far from where it starts."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in cell.double().parameters():
            noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            parameter.add_(by * noise)
    return cell


def assert_is(cell: Cell, step: Step, start: tuple[Array, ...] | None = None) -> None:
    """Compare all hidden states, the last state, and the gradients of a random function of both.

    Args:
        cell: In float64.
        step: Its equations.
        start: The state before the first step; a random one by default.
    """
    draws = np.random.default_rng(0)
    inputs = draws.normal(size=(BATCH, STEPS, cell.input_size))
    before = cell.initial_state(torch.from_numpy(inputs))
    start = start or tuple(draws.normal(size=part.shape) for part in before)
    weights = {name: value.detach().numpy().copy() for name, value in cell.named_parameters()}
    arrays = [inputs, *start, *weights.values()]

    x, *state = (torch.from_numpy(array).requires_grad_() for array in (inputs, *start))
    hidden, end = cell(x, tuple(state))
    expected, last = _loop(step, inputs, start, weights)
    np.testing.assert_allclose(hidden.detach().numpy(), expected, rtol=1e-9, atol=1e-12)
    for part, other in zip(end, last, strict=True):
        np.testing.assert_allclose(part.detach().numpy(), other, rtol=1e-9, atol=1e-12)

    factors = [draws.normal(size=part.shape) for part in (expected, *last)]
    pairs = zip((hidden, *end), factors, strict=True)
    total = torch.stack([(part * torch.from_numpy(f)).sum() for part, f in pairs]).sum()
    gradients = torch.autograd.grad(total, [x, *state, *cell.parameters()])

    def value() -> float:
        found, last = _loop(step, inputs, start, weights)
        pairs = zip((found, *last), factors, strict=True)
        return sum(float((part * f).sum()) for part, f in pairs)

    for array, gradient in zip(arrays, gradients, strict=True):
        found = _differences(value, array)
        np.testing.assert_allclose(gradient.numpy(), found, rtol=1e-6, atol=1e-7)


def _loop(
    step: Step, inputs: Array, state: tuple[Array, ...], weights: Weights
) -> tuple[Array, tuple[Array, ...]]:
    hidden = []
    for t in range(inputs.shape[1]):
        state = step(inputs[:, t], state, weights)
        hidden.append(state[0])
    return np.stack(hidden, axis=1), state


def _differences(value: Callable[[], float], array: Array) -> Array:
    """The derivative by each number of an array, which is changed and put back."""
    found = np.empty_like(array)
    for place in np.ndindex(array.shape):
        kept = array[place]
        around = []
        for sign in (1, -1):
            array[place] = kept + sign * OFFSET
            around.append(value())
        array[place] = kept
        found[place] = (around[0] - around[1]) / (2 * OFFSET)
    return found


def of_gates(cell: Cell) -> Callable[[Weights, Array, Array], list[Array]]:
    """W x + U h + b of each gate, where W, U and b have the gates one below the other."""
    return partial(_of_gates, cell.hidden_size)


def _of_gates(size: int, weights: Weights, x: Array, h: Array) -> list[Array]:
    w, u, b = weights["weight_ih"], weights["weight_hh"], weights["bias"]
    return [
        x @ w[k : k + size].T + h @ u[k : k + size].T + b[k : k + size]
        for k in range(0, len(b), size)
    ]
