"""Oracles: torch.nn.utils.clip_grad_norm_ and clip_grad_value_, and gradients small enough by hand."""

import copy
import math
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

from rnnlab.training.clipping import Clip, ClipNorm, ClipValue, NoClip


def parameters(*gradients: Sequence[object] | Tensor | None) -> list[nn.Parameter]:
    """One parameter for each gradient; None has no gradient at all."""
    made = []
    for gradient in gradients:
        values = None if gradient is None else torch.as_tensor(gradient, dtype=torch.float64)
        made.append(nn.Parameter(torch.zeros(1 if values is None else values.shape).double()))
        made[-1].grad = None if values is None else values.clone()
    return made


def random_parameters(scale: float) -> list[nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    shapes = [(4, 3), (4, 4), (4,), (1, 4), ()]
    gradients = [scale * torch.randn(shape, generator=generator).double() for shape in shapes]
    return parameters(*gradients[:2], None, *gradients[2:])


def gradients(params: list[nn.Parameter]) -> list[Tensor]:
    return [p.grad for p in params if p.grad is not None]


def joint_norm(params: list[nn.Parameter]) -> float:
    return math.sqrt(sum(x * x for g in gradients(params) for x in g.flatten().tolist()))


CLIPS: list[Clip] = [NoClip(), ClipNorm(1.0), ClipNorm(0.05), ClipValue(0.5), ClipValue(0.01)]
every_clip = pytest.mark.parametrize("clip", CLIPS, ids=lambda c: f"{type(c).__name__}{vars(c)}")


@pytest.mark.parametrize("scale", [1e-3, 0.1, 1.0, 100.0])
@every_clip
def test_norms_before_and_after(clip, scale):
    """Oracle: the root of the sum of squares over all tensors, in Python's floats."""
    params = random_parameters(scale)
    before = joint_norm(params)
    norm, left = clip(params)
    assert norm.shape == left.shape == ()
    assert norm.item() == pytest.approx(before, rel=1e-12)
    assert left.item() == pytest.approx(joint_norm(params), rel=1e-9)
    assert params[2].grad is None
    assert all(not p.any() for p in params)  # gradients are clipped, parameters are not


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("scale", [0.01, 1.0, 100.0, math.inf, math.nan])
@pytest.mark.parametrize("threshold", [0.05, 0.5, 2.0, 1e38])
def test_clip_norm_is_torchs(threshold, scale, dtype):
    """To rounding: the norm is a sum, in double precision here."""
    others = random_parameters(scale)
    params = [nn.Parameter(other.detach().to(dtype)) for other in others]
    for parameter, other in zip(params, others, strict=True):
        parameter.grad = None if other.grad is None else other.grad.to(dtype)
    twins = copy.deepcopy(params)
    for twin, param in zip(twins, params, strict=True):
        twin.grad = None if param.grad is None else param.grad.clone()
    expected = nn.utils.clip_grad_norm_(twins, threshold)
    norm, _ = ClipNorm(threshold)(params)
    torch.testing.assert_close(norm, expected, equal_nan=True)
    near = {torch.float64: 1e-14, torch.float32: 1e-6, torch.bfloat16: 0.0}[dtype]
    for gradient, other in zip(gradients(params), gradients(twins), strict=True):
        torch.testing.assert_close(gradient, other, rtol=near, atol=0, equal_nan=True)


@pytest.mark.parametrize("scale", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("threshold", [0.05, 0.5, 2.0])
def test_clip_value_is_torchs(threshold, scale):
    params, twins = random_parameters(scale), random_parameters(scale)
    nn.utils.clip_grad_value_(twins, threshold)
    ClipValue(threshold)(params)
    for gradient, other in zip(gradients(params), gradients(twins), strict=True):
        assert torch.equal(gradient, other)


@pytest.mark.parametrize("values", [[1.0, 2.0, math.nan], [41.0], [3.0, math.inf]], ids=str)
@pytest.mark.parametrize("max_norm", [1.0, 41.0, 1e39])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_clip_norm_is_torchs_at_its_edges(dtype, max_norm, values):
    mine, theirs = (nn.Parameter(torch.zeros(len(values), dtype=dtype)) for _ in range(2))
    for parameter in (mine, theirs):
        parameter.grad = torch.tensor(values, dtype=dtype)
    nn.utils.clip_grad_norm_([theirs], max_norm)
    ClipNorm(max_norm)([mine])
    torch.testing.assert_close(mine.grad, theirs.grad, rtol=0, atol=0, equal_nan=True)


def test_no_clip_by_hand():
    params = parameters([3.0, 0.0], [[4.0]])
    norm, left = NoClip()(params)
    assert (norm.item(), left.item()) == (5.0, 5.0)
    assert [g.flatten().tolist() for g in gradients(params)] == [[3.0, 0.0], [4.0]]


def test_clip_norm_by_hand():
    """Oracle: (3, 0, 4) has norm 5 over its two tensors; each alone would be scaled otherwise."""
    params = parameters([3.0, 0.0], None, [[4.0]])
    norm, left = ClipNorm(1.0)(params)
    assert norm.item() == 5.0
    assert left.item() == pytest.approx(1.0, abs=1e-6)
    first, second = gradients(params)
    assert first.tolist() == pytest.approx([0.6, 0.0], abs=1e-6)
    assert second.item() == pytest.approx(0.8, abs=1e-6)


def test_clip_value_by_hand():
    params = parameters([3.0, -0.25], None, [[-4.0]])
    norm, left = ClipValue(0.5)(params)
    assert norm.item() == math.sqrt(9 + 1 / 16 + 16)
    assert left.item() == pytest.approx(math.sqrt(1 / 4 + 1 / 16 + 1 / 4))
    assert [g.flatten().tolist() for g in gradients(params)] == [[0.5, -0.25], [-0.5]]


@pytest.mark.parametrize("clip", [NoClip(), ClipNorm(10.0), ClipValue(10.0)])
def test_below_the_threshold_not_a_bit_changes(clip):
    params = random_parameters(1.0)
    before = [g.clone() for g in gradients(params)]
    norm, left = clip(params)
    assert all(map(torch.equal, gradients(params), before))
    assert norm == left


def test_a_vanished_gradient_stays():
    for clip in CLIPS:
        params = parameters([0.0, 0.0], [0.0])
        norm, left = clip(params)
        assert norm.item() == left.item() == 0.0
        assert not any(g.any() for g in gradients(params))


def test_parameters_may_come_as_an_iterator():
    layer = nn.Linear(3, 2)
    layer(torch.ones(1, 3)).sum().backward()
    norm, left = ClipNorm(0.1)(layer.parameters())
    assert norm.item() == pytest.approx(math.sqrt(8))  # 6 weights and 2 biases, each with 1
    assert left.item() == pytest.approx(0.1, rel=1e-5)


@pytest.mark.parametrize("bad", [0.0, 0, -1.0, math.nan, math.inf, True, "1", None])
def test_bad_thresholds_are_refused(bad):
    with pytest.raises(ValueError, match=f"^max_norm={bad} is "):
        ClipNorm(bad)
    with pytest.raises(ValueError, match=f"^clip_value={bad} is "):
        ClipValue(bad)


def test_defaults():
    assert ClipNorm().max_norm == ClipValue().clip_value == 1.0
