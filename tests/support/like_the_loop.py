"""A cell's scan set beside the loop over its `step`: values and gradients, and what the log says of it."""

import logging
from functools import partial

import pytest
import torch
from torch import Tensor

from rnnlab.cells import Cell

close = partial(
    torch.testing.assert_close, rtol=1e-8, atol=1e-8
)  # some of torch's constants have 24 bits


def results(run, cell: Cell, x: Tensor, state: tuple[Tensor, ...] | None = None) -> list[Tensor]:
    """Values, and gradients of a function of all of them, 0 where there is none."""
    hidden, end = run(x) if state is None else run(x, state)
    generator = torch.Generator().manual_seed(1)
    values = (hidden, *end)
    weights = [torch.randn(v.shape, generator=generator, dtype=torch.float64).to(v) for v in values]
    total = torch.stack([(v.sin() * w).sum() for v, w in zip(values, weights, strict=True)]).sum()
    leaves = [t for t in (x, *(state or ()), *cell.parameters()) if t.requires_grad]
    found = torch.autograd.grad(total, leaves, allow_unused=True)
    zeros = [torch.zeros_like(t) if g is None else g for t, g in zip(leaves, found, strict=True)]
    return [v.detach() for v in (*values, *zeros)]


def is_compiled(cell: Cell, x: Tensor) -> bool:
    hidden = cell(x)[0]
    assert hidden.grad_fn is not None
    return hidden.grad_fn.name() == "_ScanBackward"


def assert_like_the_loop(cell: Cell, x: Tensor, state: tuple[Tensor, ...] | None = None) -> None:
    close(results(cell, cell, x, state), results(cell.unroll, cell, x, state))


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Without what is said where a machine compiles a step for the first time."""
    return [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING]
