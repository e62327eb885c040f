"""Scans that keep their arrays from one run to the next. Oracle: the loop, or the same cell run once."""

import copy
import gc
import weakref
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from rnnlab.cells.cell import State
from rnnlab.cells.elman import ElmanCell
from rnnlab.cells.gru import GRUCell
from tests.support.like_the_loop import assert_like_the_loop, is_compiled
from tests.support.own_cell import OwnCell, made_by


def gated_by_its_input(cell: OwnCell, x: Tensor, state: State) -> State:
    """Reads rows that torch makes of the inputs, which may lie in the caller's own memory."""
    (h,) = state
    return (torch.tanh(cell.u(h) + h * x[:, :1] + x[:, :5]),)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("lengths", [(10, 5), (10, 7), (2, 10), (7, 10, 3, 10)], ids=str)
def test_runs_of_other_lengths_on_the_same_memory(batch: int, lengths: tuple[int, ...]) -> None:
    cell = made_by(gated_by_its_input, input_size=8)
    steps_first = torch.randn(20, batch, 8, dtype=torch.float64).transpose(0, 1)
    for length in lengths:
        x = steps_first[:, :length].detach().requires_grad_()
        assert is_compiled(cell, x)
        assert_like_the_loop(cell, x)


def test_weights_that_are_replaced_before_the_way_back() -> None:
    """The gradient is that of what was read."""
    torch.manual_seed(0)
    cell, x = ElmanCell(2, 6).double(), torch.randn(3, 5, 2, dtype=torch.float64)
    found = []
    for run in (cell, cell.unroll):
        hidden, _ = run(x)
        before = [parameter.data for parameter in cell.parameters()]
        for parameter in cell.parameters():
            parameter.data = torch.full_like(parameter.data, 7.0)
        junk = [torch.full((6, 6), 9.0, dtype=torch.float64) for _ in range(50)]
        found.append(torch.autograd.grad(hidden.square().sum(), list(cell.parameters())))
        del junk
        for parameter, data in zip(cell.parameters(), before, strict=True):
            parameter.data = data
    for ours, expected in zip(*found, strict=True):
        torch.testing.assert_close(ours, expected)


def test_weights_of_another_type_are_refused_as_by_the_loop() -> None:
    cell, x = ElmanCell(2, 6), torch.randn(3, 5, 2)
    cell(x)
    cell.double()
    for run in (cell, cell.unroll):
        with pytest.raises(RuntimeError, match="dtype"):
            run(x)
    assert_like_the_loop(cell, x.double())


@pytest.mark.parametrize("make", [ElmanCell, GRUCell])
def test_what_was_given_out_stays_as_it_was(make: Any) -> None:
    """Several runs at once, each with its own way back, in any order, and twice."""
    torch.manual_seed(0)
    cell = make(2, 6).double()
    inputs = [torch.randn(3, steps, 2, dtype=torch.float64) for steps in (5, 9, 4, 9)]
    runs = [cell(x) for x in inputs]
    kept = copy.deepcopy([(hidden.detach(), end[0].detach()) for hidden, end in runs])
    with torch.no_grad():
        for x in inputs:
            cell(x)
    grads = partial(torch.autograd.grad, inputs=list(cell.parameters()), retain_graph=True)
    for number in (2, 0, 3, 1, 0):
        hidden, (end, *_) = runs[number]
        assert torch.equal(hidden, kept[number][0])
        assert torch.equal(end, kept[number][1])
        ours = grads(hidden.square().sum() + end.sum())
        hidden, (end, *_) = cell.unroll(inputs[number])
        expected = grads(hidden.square().sum() + end.sum())
        for one, other in zip(ours, expected, strict=True):
            torch.testing.assert_close(one, other)


def test_inputs_are_let_go_of() -> None:
    numbers = np.zeros((50, 1, 2), np.float32)
    seen = weakref.ref(numbers)
    cell, x = ElmanCell(2, 6), torch.from_numpy(numbers).transpose(0, 1)  # read where they lie
    cell(x)[0].sum().backward()
    del numbers, x
    gc.collect()
    assert seen() is None


@pytest.mark.parametrize("batch", [2, 40])
def test_hidden_states_that_torch_saves_elsewhere(batch: int) -> None:
    """Nobody else keeps them, and the way back reads them. Oracle: without hooks."""
    torch.manual_seed(0)
    cell, x = ElmanCell(3, 8).double(), torch.randn(batch, 400, 3, dtype=torch.float64)
    found = []
    for pack in (lambda t: t, torch.clone):
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
            total = cell(x)[0].cos().sum()
        junk = [torch.full((401, batch, 8), 7.0, dtype=torch.float64) for _ in range(6)]
        found.append(torch.autograd.grad(total, list(cell.parameters())))
        del junk
    for ours, expected in zip(*found, strict=True):
        assert torch.equal(ours, expected)


@pytest.mark.parametrize("size", [3, 60])
def test_weights_of_another_size_are_refused_as_by_the_loop(size: int) -> None:
    cell, x = ElmanCell(2, 6), torch.randn(3, 5, 2)
    cell(x)
    cell.weight_hh.data = torch.randn(size, size)
    for run in (cell, cell.unroll):
        with pytest.raises(RuntimeError, match="cannot be multiplied"):
            run(x)


def test_a_sign_that_torch_has_only_noted() -> None:
    """Of inputs, states and what arrives from above."""
    cell, x = ElmanCell(3, 4), torch.randn(2, 6, 3, dtype=torch.cfloat).conj().imag
    state = (torch.randn(2, 4, dtype=torch.cfloat).conj().imag,)
    assert x.is_neg()
    assert state[0].is_neg()
    torch.testing.assert_close(cell(x), cell.unroll(x))
    torch.testing.assert_close(cell(x, state), cell.unroll(x, state))
    above = torch.randn(2, 6, 4, dtype=torch.cfloat).conj().imag
    found = []
    for run in (cell, cell.unroll):
        hidden, _ = run(x.resolve_neg())
        found.append(torch.autograd.grad(hidden, list(cell.parameters()), above))
    torch.testing.assert_close(*found)


def test_threads_that_go_back_over_one_run() -> None:
    """Oracle: one of them alone."""
    cell, x = ElmanCell(2, 16), torch.randn(8, 300, 2)
    hidden, _ = cell(x)
    weights = list(cell.parameters())

    def gradient(factor: float) -> tuple[Tensor, ...]:
        return torch.autograd.grad(
            hidden, weights, torch.full_like(hidden, factor), retain_graph=True
        )

    factors = [1.0, 2.0, 3.0, 4.0] * 10
    alone = {factor: gradient(factor) for factor in set(factors)}
    with ThreadPoolExecutor(4) as threads:
        for factor, found in zip(factors, threads.map(gradient, factors), strict=True):
            for ours, expected in zip(found, alone[factor], strict=True):
                assert torch.equal(ours, expected)
