"""Oracle: torch.nn.functional.mse_loss."""

import pytest
import torch
from torch.nn import functional as F

from rnnlab.kernels.squared_error import squared_error


@pytest.mark.parametrize("shape", [(20, 1, 1), (3, 5, 4), (0, 2, 1)], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_it_is_torchs_to_the_bit(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    outputs, targets = (torch.randn(shape, dtype=dtype) for _ in range(2))
    outputs.requires_grad_()
    found = []
    for loss in (squared_error, F.mse_loss):
        value = loss(outputs, targets)
        found.append((value, *torch.autograd.grad(value, outputs)))
    torch.testing.assert_close(*found, rtol=0, atol=0, equal_nan=True)


def test_other_shapes_are_torchs_matter() -> None:
    outputs, targets = torch.randn(3, 5, 1), torch.randn(3, 1, 1)
    with pytest.warns(UserWarning, match="broadcasting"):
        found = squared_error(outputs, targets)
    assert torch.equal(found, (outputs - targets).square().mean())
