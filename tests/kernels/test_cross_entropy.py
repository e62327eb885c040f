"""The loss of few classes at many steps. Oracle: torch.nn.functional.cross_entropy."""

import math
import re

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from rnnlab.kernels import cross_entropy as module
from rnnlab.kernels.cross_entropy import cross_entropy


def torchs(outputs: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(outputs.flatten(0, 1), targets.flatten())


def given(*shape: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    outputs = 3 * torch.randn(shape, dtype=dtype)
    return outputs.requires_grad_(), torch.randint(0, shape[2], shape[:2])


@pytest.mark.parametrize("by_step", [False, True])
@pytest.mark.parametrize(
    "shape", [(1, 1, 1), (1, 7, 2), (3, 64, 4), (20, 100, 9), (2, 65, 256), (2, 5, 300)], ids=str
)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_value_and_gradient_are_torchs(shape, dtype, by_step):
    outputs, targets = given(*shape, dtype=dtype)
    if by_step:
        outputs = outputs.detach().transpose(0, 1).contiguous().transpose(0, 1).requires_grad_()
    found = []
    for loss in (cross_entropy, torchs):
        value = loss(outputs, targets)
        found.append([value, *torch.autograd.grad(7 * value, outputs)])
    near = 1e-10 if dtype == torch.float64 else None
    torch.testing.assert_close(*found, rtol=near, atol=near)


def test_gradcheck():
    """Oracle: finite differences."""
    outputs, targets = given(3, 4, 5)
    assert torch.autograd.gradcheck(lambda y: cross_entropy(y, targets), outputs)


def test_by_hand():
    outputs = torch.tensor([[[0.0, 0.0], [0.0, math.log(3)]]])
    loss = cross_entropy(outputs, torch.tensor([[1, 1]]))
    assert loss.item() == pytest.approx((math.log(2) + math.log(4 / 3)) / 2)


@pytest.mark.parametrize("bad", [1e4, -1e4, math.inf, -math.inf, math.nan])
def test_numbers_that_overflow_give_what_torch_gives(bad):
    outputs, targets = given(2, 3, 4)
    with torch.no_grad():
        outputs[0, 1, 2] = bad
    for mine, theirs in zip(
        *(
            [f(outputs, targets), *torch.autograd.grad(f(outputs, targets), outputs)]
            for f in (cross_entropy, torchs)
        ),
        strict=True,
    ):
        torch.testing.assert_close(mine, theirs, equal_nan=True)


def test_without_a_gradient_to_take():
    outputs, targets = given(2, 3, 4)
    torch.testing.assert_close(cross_entropy(outputs.detach(), targets), torchs(outputs, targets))


@pytest.mark.parametrize("bad", [3, -1])
def test_a_class_that_there_is_not_is_refused(bad):
    outputs, targets = torch.zeros(1, 2, 3), torch.tensor([[0, bad]])
    with pytest.raises(IndexError, match=f"^class {bad} is out of bounds: 0 to 2$"):
        cross_entropy(outputs, targets)
    with pytest.raises(IndexError, match="out of bounds"):
        torchs(outputs, targets)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32])
def test_classes_of_few_bits(dtype):
    """Oracle: the same as int64."""
    outputs, targets = given(20, 100, 9)
    assert torch.equal(cross_entropy(outputs, targets.to(dtype)), cross_entropy(outputs, targets))


def test_no_sequences_have_no_loss():
    outputs, targets = given(0, 4, 3)
    for loss in (cross_entropy, torchs):
        assert loss(outputs, targets).isnan()
        assert torch.autograd.grad(loss(outputs, targets), outputs)[0].shape == (0, 4, 3)


def test_it_is_not_torch_that_is_compared_with_itself(monkeypatch):
    monkeypatch.setattr(module.F, "cross_entropy", None)
    assert cross_entropy(*given(2, 3, 4)).isfinite()


def test_second_derivatives():
    """Oracle: finite differences of the first."""
    outputs, targets = given(3, 4, 5)
    assert torch.autograd.gradgradcheck(lambda y: cross_entropy(y, targets), outputs)


def test_outputs_that_changed_since_are_refused():
    outputs, targets = given(2, 3, 4)
    changed = outputs * 1
    loss = cross_entropy(changed, targets)
    changed.zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@pytest.mark.parametrize(
    "targets",
    [
        torch.zeros(2, 2, dtype=torch.int64),
        torch.zeros(20, 3, dtype=torch.int64),
        torch.zeros(2, 3),
        torch.zeros(2, 3, dtype=torch.bool),
        torch.zeros(2, 3, dtype=torch.int64, device="meta"),
    ],
    ids=["too few", "too many", "floats", "truths", "elsewhere"],
)
def test_targets_that_do_not_fit_are_refused_as_by_torch(targets):
    outputs, _ = given(2, 3, 4)
    with pytest.raises((ValueError, RuntimeError)) as refused:
        torchs(outputs, targets)
    with pytest.raises(refused.type, match=re.escape(str(refused.value))):
        cross_entropy(outputs, targets)
