"""The scan of a recurrence that is linear in its state. Oracle: the loop over its steps, in double precision."""

from itertools import pairwise

import pytest
import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.utils._python_dispatch import TorchDispatchMode

from rnnlab.kernels.linear_scan import linear_scan

KINDS = pytest.mark.parametrize("dtype", [torch.float64, torch.complex128], ids=["real", "complex"])


def loop(a: Tensor, b: Tensor, h: Tensor) -> Tensor:
    hidden = []
    for t in range(a.size(1)):
        h = a[:, t] * h + b[:, t]
        hidden.append(h)
    return torch.stack(hidden, dim=1)


def drawn(steps: int, dtype: torch.dtype) -> list[Tensor]:
    """|a| up to 1, b and h_0 without a bound."""
    torch.manual_seed(steps)
    a = torch.randn(2, steps, 3, dtype=dtype)
    a = a / a.abs() * torch.rand(2, steps, 3, dtype=torch.float64).sqrt()
    b, h = torch.randn(2, steps, 3, dtype=dtype), torch.randn(2, 3, dtype=dtype)
    return [x.requires_grad_() for x in (a, b, h)]


def with_gradients(run, given: list[Tensor]) -> list[Tensor]:
    """h, and the gradients of a function of all of it that is no linear one."""
    hidden = run(*given)
    weights = torch.randn(hidden.shape, generator=torch.Generator().manual_seed(0)).double()
    total = (weights * hidden.abs().square()).sum() + hidden.real.sum()
    return [hidden, *torch.autograd.grad(total, given)]


@KINDS
@pytest.mark.parametrize("steps", [1, 2, 3, 4, 7, 1000])
def test_is_the_loop(steps: int, dtype: torch.dtype) -> None:
    given = drawn(steps, dtype)
    found, expected = with_gradients(linear_scan, given), with_gradients(loop, given)
    for value, other in zip(found, expected, strict=True):
        assert (value - other).abs().max() <= 1e-12 * other.abs().max()


def test_where_nothing_is_kept_and_where_all_is() -> None:
    """Oracles: a = 0 is b itself, and a = 1 the running sum, of whole numbers without rounding."""
    b = torch.randint(-9, 9, (2, 65, 3), generator=torch.Generator().manual_seed(0)).double()
    h = torch.full((2, 3), 5.0, dtype=torch.double)
    assert torch.equal(linear_scan(torch.zeros_like(b), b, h), b)
    assert torch.equal(linear_scan(torch.ones_like(b), b, h), b.cumsum(dim=1) + 5)


def test_products_that_vanish_harm_nothing() -> None:
    """The product of 200 a is below what a number holds: nothing is divided by it, nor its logarithm taken."""
    a = torch.full((1, 200, 1), 1e-3, dtype=torch.double)
    a[:, ::50] = 0
    b = torch.ones(1, 200, 1, dtype=torch.double)
    h = torch.ones(1, 1, dtype=torch.double)
    torch.testing.assert_close(linear_scan(a, b, h), loop(a, b, h), rtol=1e-15, atol=0)


@KINDS
def test_derivatives_of_both_orders(dtype: torch.dtype) -> None:
    """Oracle: differences."""
    given = [x[:1, ..., :1].detach().requires_grad_() for x in drawn(3, dtype)]
    assert torch.autograd.gradcheck(linear_scan, given)
    assert torch.autograd.gradgradcheck(linear_scan, given)


def test_no_more_is_kept_than_the_loop_would() -> None:
    kept: list[int] = []
    with saved_tensors_hooks(lambda x: kept.append(x.numel()) or x, lambda x: x):
        linear_scan(*drawn(64, torch.float64))
    assert sum(kept) == 2 * (2 * 64 * 3) + 2 * 3  # a, h and h_0


class Counted(TorchDispatchMode):
    """Operations, each of which waits for those before it."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += 1
        return func(*args, **(kwargs or {}))


def test_its_depth_grows_with_the_logarithm() -> None:
    """Oracle: as many more for each doubling of T, there and back; those of a loop would double."""
    counts = []
    for steps in (64, 128, 256, 512):
        given = drawn(steps, torch.float64)
        with Counted() as counted:
            with_gradients(linear_scan, given)
        counts.append(counted.count)
    first, *others = (b - a for a, b in pairwise(counts))
    assert first > 0
    assert all(more == first for more in others)
