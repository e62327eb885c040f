"""The temporal convolutional network. Oracles: its equations in NumPy, and brute force of what reaches what."""

import numpy as np
import pytest
import torch

from rnnlab.cells.tcn import TCNCell
from tests.support.like_the_loop import assert_like_the_loop


def tcn(input_size: int = 3, kernel_size: int = 3, num_levels: int = 2, size: int = 4) -> TCNCell:
    torch.manual_seed(0)
    return TCNCell(input_size, size, kernel_size, num_levels).double()


def convolved(x, weight, bias, dilation):
    """y_t = b + sum_j W_j x_{t - dilation (k - 1 - j)} of one sequence, (steps, features); x_t = 0 before the first."""
    outputs = np.tile(bias, (len(x), 1))
    for t in range(len(x)):
        for j in range(weight.shape[2]):
            at = t - dilation * (weight.shape[2] - 1 - j)
            if at >= 0:
                outputs[t] += weight[:, :, j] @ x[at]
    return outputs


def by_the_equations(cell: TCNCell, x, num_levels: int):
    weights = {name: value.detach().numpy() for name, value in cell.named_parameters()}
    for i in range(num_levels):
        z = x
        for name in ("conv1", "conv2"):
            weight, bias = (weights[f"levels.{i}.{name}.{kind}"] for kind in ("weight", "bias"))
            z = np.maximum(convolved(z, weight, bias, 2**i), 0)
        if f"levels.{i}.shortcut.weight" in weights:
            x = x @ weights[f"levels.{i}.shortcut.weight"][:, :, 0].T
            x = x + weights[f"levels.{i}.shortcut.bias"]
        x = np.maximum(x + z, 0)
    return x


@pytest.mark.parametrize("input_size", [3, 4])  # of 4, its own hidden_size, there is no V
@pytest.mark.parametrize(("kernel_size", "num_levels"), [(2, 1), (3, 3)])
def test_the_equations(input_size: int, kernel_size: int, num_levels: int) -> None:
    cell = tcn(input_size, kernel_size, num_levels)
    x = torch.randn(2, 33, input_size, dtype=torch.double)
    hidden, (h, *_) = cell(x)
    assert torch.equal(h, hidden[:, -1])
    for one, found in zip(x.numpy(), hidden.detach().numpy(), strict=True):
        np.testing.assert_allclose(found, by_the_equations(cell, one, num_levels), atol=1e-12)


@pytest.mark.parametrize("steps", [1, 3, 20])
def test_buffers_are_the_convolutions(steps: int) -> None:
    """`forward` and the loop over `step`, values and gradients, from 0 and from a state."""
    cell = tcn()
    x = torch.randn(2, steps, 3, dtype=torch.double, requires_grad=True)
    state = tuple(torch.randn_like(part).requires_grad_() for part in cell.initial_state(x))
    for start in (None, state):
        assert_like_the_loop(cell, x, start)


@pytest.mark.parametrize("kernel_size", [2, 3, 4])
@pytest.mark.parametrize("num_levels", [1, 2, 3])
def test_the_receptive_field(kernel_size: int, num_levels: int) -> None:
    """Brute force: of positive weights and inputs, dh_T/dx_{T-k} is above 0 for every k that h_T sees, and else 0."""
    cell = tcn(2, kernel_size, num_levels, size=2)
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.abs_()
    steps = cell.receptive_field + 5
    x = torch.rand(1, steps, 2, dtype=torch.double, requires_grad=True)
    (by_input,) = torch.autograd.grad(cell(x)[0][0, -1].sum(), x)
    by_lag = by_input[0].flip(0)
    reached = torch.tensor([bool((by_lag[k] > 0).all()) for k in range(steps)])
    seen = int(reached.nonzero().max()) + 1
    assert seen == cell.receptive_field
    assert not by_lag[seen:].any()
    if kernel_size == 2:
        assert reached[:seen].all()


def test_by_steps_nothing_is_older_than_the_receptive_field() -> None:
    """Oracle: the last inputs alone, from a state of another past."""
    cell = tcn()
    x = torch.randn(1, cell.receptive_field, 3, dtype=torch.double)
    far = torch.randn(1, 40, 3, dtype=torch.double)
    _, state = cell.unroll(far)
    hidden, _ = cell.unroll(x, state)
    torch.testing.assert_close(hidden[:, -1], cell.unroll(x)[0][:, -1])
    assert not torch.allclose(hidden[:, -2], cell.unroll(x)[0][:, -2])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kernel_size": 1}, "^kernel_size=1 is too small: at least 2"),
        ({"num_levels": 0}, "^num_levels=0 is too small"),
        ({"num_levels": 17}, "^num_levels=17 is too large: at most 16"),
        ({"hidden_size": 0}, "^hidden_size=0 is too small"),
    ],
)
def test_what_is_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TCNCell(3, **options)
