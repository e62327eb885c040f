"""The readout. Oracle: torch.nn.functional.linear."""

import re
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch._subclasses import FakeTensorMode
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from rnnlab.kernels import linear as module
from rnnlab.kernels.linear import linear

LAYOUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "batch first": lambda x: x.contiguous(),
    "step by step": lambda x: x.transpose(0, 1).contiguous().transpose(0, 1),
    "some steps": lambda x: torch.cat([x, x], dim=1)[:, x.size(1) :],
    "some features": lambda x: x.repeat_interleave(2, dim=2)[:, :, ::2],
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (3, 5, 4, 2), (20, 100, 50, 9)], ids=str)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_values_and_gradients_are_torchs(
    shape: tuple[int, int, int, int], dtype: torch.dtype, layout: Callable[[Tensor], Tensor]
) -> None:
    batch, steps, features, outputs = shape
    torch.manual_seed(0)
    x = layout(torch.randn(batch, steps, features, dtype=dtype)).requires_grad_()
    weight = torch.randn(outputs, features, dtype=dtype, requires_grad=True)
    bias = torch.randn(outputs, dtype=dtype, requires_grad=True)
    above = torch.randn(batch, steps, outputs, dtype=dtype)
    near = 1e-10 if dtype == torch.float64 else None
    found = []
    for function in (linear, F.linear):
        y = function(x, weight, bias)
        found.append([y, *torch.autograd.grad((y * above).mean(), [x, weight, bias])])
    assert found[0][0].shape == (batch, steps, outputs)
    for mine, theirs in zip(*found, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=near, atol=near)


def test_the_gradient_of_a_plain_sum() -> None:
    """Oracle: torch's. Its gradient at the outputs is one number, seen everywhere."""
    x, weight, bias = torch.randn(3, 4, 5), torch.randn(2, 5), torch.randn(2)
    given = [tensor.double().requires_grad_() for tensor in (x, weight, bias)]
    mine, theirs = (torch.autograd.grad(f(*given).sum(), given) for f in (linear, F.linear))
    torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-10)


def test_gradcheck() -> None:
    """Oracle: finite differences."""
    given = [torch.randn(shape).double().requires_grad_() for shape in ((2, 3, 4), (5, 4), (5,))]
    assert torch.autograd.gradcheck(linear, given)


def test_it_is_not_torch_that_is_compared_with_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.F, "linear", None)
    assert linear(torch.ones(2, 3, 4), torch.ones(5, 4), torch.ones(5)).eq(5).all()


def test_second_derivatives() -> None:
    """Oracle: finite differences of the first."""
    given = [torch.randn(shape).double().requires_grad_() for shape in ((2, 3, 4), (5, 4), (5,))]
    assert torch.autograd.gradgradcheck(linear, given)


def test_outputs_are_contiguous_and_none_is_none() -> None:
    x = torch.randn(4, 3, 5).transpose(0, 1)
    assert linear(x, torch.ones(2, 5), torch.ones(2)).view(-1, 2).shape == (12, 2)
    assert linear(x[:0], torch.ones(2, 5), torch.ones(2)).shape == (0, 4, 2)
    assert linear(x[:, :0], torch.ones(2, 5), torch.ones(2)).shape == (3, 0, 2)


def test_infinity_is_a_result_and_no_warning() -> None:
    x, weight = torch.full((1, 2, 3), 1e38), torch.full((2, 3), 1e38)
    assert linear(x, weight, torch.zeros(2)).isinf().all()


@pytest.mark.parametrize("sizes", [((5, 9), 5), ((5, 2), 5), ((5, 4), 4), ((5, 4), 1)], ids=str)
def test_other_sizes_are_refused_or_taken_as_by_torch(sizes: tuple[tuple[int, int], int]) -> None:
    shape, count = sizes
    given = torch.randn(2, 3, 4), torch.randn(shape), torch.randn(count)
    try:
        expected = F.linear(*given)
    except RuntimeError as error:
        with pytest.raises(RuntimeError, match=re.escape(str(error))):
            linear(*given)
    else:
        torch.testing.assert_close(linear(*given), expected)


def test_a_sign_that_torch_has_only_noted() -> None:
    x, above = (torch.randn(2, 3, 4, dtype=torch.cfloat).conj().imag for _ in range(2))
    weight, bias = torch.randn(4, 4, requires_grad=True), torch.randn(4)
    torch.testing.assert_close(linear(x, weight, bias), F.linear(x, weight, bias))
    found = [
        torch.autograd.grad(f(x.clone(), weight, bias), weight, above) for f in (linear, F.linear)
    ]
    torch.testing.assert_close(*found)


def test_who_looks_into_the_operations_sees_torchs() -> None:
    """Oracle: the count by hand, and sizes without numbers."""
    given = torch.randn(2, 3, 4), torch.randn(5, 4), torch.randn(5)
    with FlopCounterMode(display=False) as counter:
        linear(*given)
    assert counter.get_total_flops() == 2 * 2 * 3 * 4 * 5
    with FakeTensorMode(allow_non_fake_inputs=True):
        assert linear(*given).shape == (2, 3, 5)
