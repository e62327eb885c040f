"""exp, tanh and sigmoid of compiled loops. Oracles: numpy's in higher precision, and torch where there is no number."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from rnnlab.cells import Cell, State
from rnnlab.foundation.compute import set_flush_denormal

FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "exp": torch.exp,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
}


class Applied(Cell):
    """h_t = f(h_{t-1} + x_t), which is f(x_1) after a step from 0."""

    def __init__(self, f: Callable[[Tensor], Tensor]) -> None:
        super().__init__(1, 1)
        self.f = f

    def step(self, inputs: Tensor, state: State) -> State:
        return (self.f(state[0] + inputs),)


def applied(name: str, x: Tensor) -> Tensor:
    """To each number, in a compiled loop of one step."""
    inputs = x.view(-1, 1, 1).requires_grad_()
    hidden, _ = Applied(FUNCTIONS[name])(inputs)
    assert hidden.grad_fn is not None
    assert hidden.grad_fn.name() == "_ScanBackward"
    return hidden.detach().view(-1)


def exactly(name: str, x: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        wide = x.astype(np.longdouble)
        return {"exp": np.exp, "tanh": np.tanh, "sigmoid": lambda v: 1 / (1 + np.exp(-v))}[name](
            wide
        )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_within_a_few_roundings(name: str, dtype: torch.dtype) -> None:
    """Of 20,000 numbers: small ones of all sizes, and those that neither overflow nor vanish."""
    largest = 87.0 if dtype == torch.float32 else 700.0
    small = torch.logspace(-30, 0, 5000, dtype=torch.float64)
    wide = torch.linspace(-largest, largest, 10000, dtype=torch.float64)
    x = torch.cat([-small, small, wide]).to(dtype)
    exact = exactly(name, x.numpy())
    spacing = np.spacing(np.abs(exact).astype(x.numpy().dtype))
    off = np.abs(applied(name, x).numpy().astype(np.longdouble) - exact) / spacing
    assert off.max() < 4


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_where_it_ends(name: str, dtype: torch.dtype) -> None:
    """Oracle: torch, to the bit; a saturated tanh is 1, and no number stays none."""
    x = torch.tensor(
        [0.0, math.inf, -math.inf, math.nan, 1e30, -1e30, 20.0, -800.0, 800.0], dtype=dtype
    )
    if name != "exp":
        x = torch.cat([x, torch.tensor([44.0, 99.0, 400.0], dtype=dtype)])
    wanted = FUNCTIONS[name](x)
    rtol = 0 if name == "tanh" else 1e-6 if dtype == torch.float32 else 1e-15
    torch.testing.assert_close(applied(name, x), wanted, rtol=rtol, atol=0, equal_nan=True)


class Halved(Cell):
    """h_t = h_{t-1} / 2 + x_t, whose gradient halves at each step."""

    def step(self, inputs: Tensor, state: State) -> State:
        return (0.5 * state[0] + inputs,)


@pytest.mark.parametrize("flush", [True, False])
def test_a_subnormal_number_is_flushed_where_the_thread_says_so(flush: bool) -> None:
    """Oracle: 2^-140, which float32 has among its subnormal numbers alone; values and gradients."""
    cell, x = Halved(1, 1), torch.zeros(2, 140, 1)
    h0 = torch.ones(2, 1, requires_grad=True)
    try:
        set_flush_denormal(flush)
        hidden, (end,) = cell(x, (h0,))
        assert hidden.grad_fn is not None
        assert hidden.grad_fn.name() == "_ScanBackward"
        (gradient,) = torch.autograd.grad(end.sum(), h0)
    finally:
        set_flush_denormal(False)
    wanted = 0.0 if flush else 2.0**-140
    assert end.tolist() == [[wanted], [wanted]]
    assert gradient.tolist() == [[wanted], [wanted]]
