"""The length of a gradient in pieces, and its scaling. Oracles: Python's floats (math.hypot), and torch."""

import math
import threading

import pytest
import torch
from torch import Tensor

from rnnlab.kernels import length as module
from rnnlab.kernels.length import length, scale_

SHAPES = [(), (1,), (7,), (64, 64), (3, 0), (5, 1, 2)]
every_type = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])


def pieces(dtype: torch.dtype, scale: float = 1.0) -> list[Tensor]:
    draws = torch.Generator().manual_seed(0)
    return [scale * torch.randn(shape, generator=draws, dtype=dtype) for shape in SHAPES]


def by_python(tensors: list[Tensor]) -> float:
    return math.hypot(*(x for tensor in tensors for x in tensor.double().flatten().tolist()))


@every_type
@pytest.mark.parametrize("scale", [1.0, 1e-30, 1e30])
def test_length_is_that_of_all_numbers_together(dtype, scale):
    """Also where the squares of single numbers are below the least, or above the largest."""
    tensors = pieces(dtype, scale)
    near = 1e-6 if dtype == torch.float32 else 1e-13
    found = length(tensors)
    assert found.shape == ()
    assert found.dtype == dtype
    assert found.item() == pytest.approx(by_python(tensors), rel=near)


@pytest.mark.parametrize("bad", [math.inf, -math.inf, math.nan])
def test_what_is_not_finite_has_no_finite_length(bad):
    tensors = pieces(torch.float32)
    tensors[3][2, 5] = bad
    torch.testing.assert_close(length(tensors), torch.tensor(abs(bad)), equal_nan=True)


@every_type
@pytest.mark.parametrize("factor", [0.3, 0.0, 1e-20, math.inf, math.nan])
def test_scaling_is_torchs_to_the_bit(dtype, factor):
    mine, theirs = pieces(dtype), pieces(dtype)
    scale_(mine, factor)
    torch._foreach_mul_(theirs, factor)
    for one, other in zip(mine, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("given", ["columns", "bfloat16", "two types", "negated"])
def test_what_a_kernel_cannot_read_goes_by_torch(given, monkeypatch):
    """Oracle: the same numbers in one piece."""
    tensors = pieces(torch.float64)
    if given == "columns":
        tensors[3] = tensors[3].T[::2]
    elif given == "bfloat16":
        tensors = [tensor.bfloat16() for tensor in tensors]
    elif given == "two types":
        tensors[2] = tensors[2].float()
    else:
        tensors[3] = torch._neg_view(tensors[3])  # in one piece, and its sign only noted
    copies = [tensor.double().clone() for tensor in tensors]
    monkeypatch.setattr(module, "compiled_for", None)  # which would fail
    near = {"bfloat16": 1e-2, "two types": 1e-6}.get(given, 1e-12)
    assert length(tensors).double().item() == pytest.approx(by_python(copies), rel=near)
    if given == "negated":  # which torch itself refuses to scale with others
        return
    scale_(tensors, 0.5)
    for one, other in zip(tensors, copies, strict=True):
        assert torch.equal(one.double(), other * 0.5)


def test_the_default_device_is_not_where_a_length_goes():
    tensors = pieces(torch.float32)
    with torch.device("meta"):
        assert length(tensors).item() == pytest.approx(by_python(tensors), rel=1e-6)


def test_threads_do_not_share_a_length():
    lengths = dict[int, set[float]]()

    def measure(number: int) -> None:
        tensors = [torch.full((40 + number,), float(number))]
        lengths[number] = {length(tensors).item() for _ in range(500)}

    threads = [threading.Thread(target=measure, args=(n,)) for n in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, found in lengths.items():
        assert len(found) == 1
        assert found.pop() == pytest.approx(number * math.sqrt(40 + number), rel=1e-6)
