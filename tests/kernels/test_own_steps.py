"""Cells that a user could write, compiled from their steps. Oracle: the loop over `step`, values and gradients."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnlab.cells.elman import ElmanCell
from rnnlab.cells.gru import GRUCell
from rnnlab.cells.lstm import LSTMCell
from rnnlab.kernels.compiled import choice
from tests.support.like_the_loop import assert_like_the_loop, close, is_compiled, results, warnings
from tests.support.own_cell import made_by
from tests.support.own_steps import KNOWN, made_of
from tests.support.refused_steps import REFUSED


@pytest.mark.parametrize(
    "input_size",
    [pytest.param(3, id="few inputs", marks=pytest.mark.slow), pytest.param(7, id="many inputs")],
)
@pytest.mark.parametrize("name", KNOWN)
def test_equals_the_loop_in_double_precision(name: str, input_size: int) -> None:
    cell = made_of(name, input_size)
    x = torch.randn(4, 6, input_size, dtype=torch.float64, requires_grad=True)
    state = tuple(torch.randn_like(h).requires_grad_() for h in cell.initial_state(x))
    assert is_compiled(cell, x)
    assert_like_the_loop(cell, x, state)
    assert_like_the_loop(cell, x)
    assert_like_the_loop(cell, x.detach())


@pytest.mark.parametrize("name", KNOWN)
def test_equals_the_loop_in_single_precision(name: str) -> None:
    """No further from the loop in double precision than 1e-6, or little more than the loop is."""
    cell = made_of(name, dtype=torch.float32)
    x = torch.randn(4, 6, 3)
    mine, loop = results(cell, cell, x), results(cell.unroll, cell, x)
    exact = results(cell.double().unroll, cell, x.double())
    largest = max(float(value.abs().max()) for value in exact)
    for value, other, oracle in zip(mine, loop, exact, strict=True):
        assert value.dtype == torch.float32
        scale = max(float(oracle.abs().max()), 0.1 * largest)
        assert (value - oracle).abs().max() < 1e-6 * scale + 2 * (other - oracle).abs().max()


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_known_runs_as_the_loop_and_is_named_once(
    name: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "_told", set())
    step, says = REFUSED[name]
    cell, x = made_by(step), torch.randn(4, 6, 3, dtype=torch.float64)
    hidden = cell(x)[0]
    cell(x[:2])
    assert hidden.shape == (4, 6, 5)
    assert hidden.grad_fn is not None
    assert hidden.grad_fn.name() != "_ScanBackward"
    (message,) = warnings(caplog)
    assert message.startswith("OwnCell runs as a loop, for its step ")
    assert any(words in message for words in says.split("|")), message


def test_a_wrong_program_is_found_out(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a sine whose gradient would be a sine."""
    from rnnlab.kernels.compiled.step import derivative

    wrong = derivative._of_one(lambda e, x, y, g: e.mul(g, y))
    monkeypatch.setitem(derivative.RULES, "sin", wrong)
    monkeypatch.setattr(choice, "_programs", {})
    cell, x = made_of("branches_by_where"), torch.randn(4, 6, 3, dtype=torch.float64)
    assert not is_compiled(cell, x)
    assert warnings(caplog) == ["OwnCell runs as a loop, for its step gives other numbers compiled"]


def test_weights_that_are_not_finite_are_told_of_and_run_as_the_loop(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "_programs", {})
    monkeypatch.setattr(choice, "_told", set())
    cell, x = made_of("minimal_gated"), torch.randn(4, 6, 3, dtype=torch.float64)
    with torch.no_grad():
        for weight in cell.parameters():
            weight.fill_(torch.nan)
    hidden, expected = cell(x)[0], cell.unroll(x)[0]
    torch.testing.assert_close(hidden, expected, equal_nan=True)
    assert warnings(caplog) == [
        "OwnCell runs as a loop, for its step gives no finite numbers to check it by"
    ]


def test_frozen_parameters_get_no_gradient_and_the_others_theirs() -> None:
    cell, x = made_of("minimal_gated"), torch.randn(4, 6, 3, dtype=torch.float64)
    cell.u.weight.requires_grad_(False)
    cell.w2.bias.requires_grad_(False)
    assert_like_the_loop(cell, x)
    cell.requires_grad_(False)
    x.requires_grad_()
    assert_like_the_loop(cell, x)


def test_without_any_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.randn(4, 6, 3, dtype=torch.float64)
    for mode in (torch.no_grad, torch.inference_mode):
        monkeypatch.setattr(choice, "_programs", {})
        cell = made_of("on_the_device")
        with mode():
            hidden, end = cell(x)
            wanted, last = cell.unroll(x)
            close(hidden, wanted)
            close(end, last)
            close(cell.final_state(x), last)
        assert not hidden.requires_grad
        assert_like_the_loop(cell, x)  # with what was traced then
        assert is_compiled(cell, x)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 5, 3), (5, 1, 3), (300, 40, 3)], ids=str)
def test_any_batch_and_length(shape: tuple[int, ...]) -> None:
    cell = made_of("minimal_gated")
    assert_like_the_loop(cell, torch.randn(shape, dtype=torch.float64, requires_grad=True))


LAYOUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "sequences first": lambda x: x,
    "steps first": lambda x: x.transpose(0, 1).contiguous().transpose(0, 1),
    "features first": lambda x: x.permute(2, 0, 1).contiguous().permute(1, 2, 0),
    "every other step": lambda x: x.repeat_interleave(2, dim=1)[:, ::2],
    "one sequence for all": lambda x: x[:1].expand_as(x),
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("make", [ElmanCell, GRUCell])
def test_inputs_however_they_lie(make: Any, layout: Callable[[Tensor], Tensor]) -> None:
    """Of widths beyond a tile of the copies, and of more steps than a chunk."""
    cell = make(37, 41).double()
    x = layout(torch.randn(30, 23, 37, dtype=torch.float64)).detach().requires_grad_()
    assert_like_the_loop(cell, x)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_gradients_however_they_lie(layout: Callable[[Tensor], Tensor]) -> None:
    cell, x = ElmanCell(3, 41).double(), torch.randn(30, 23, 3, dtype=torch.float64)
    above, last = layout(torch.randn(30, 23, 41).double()), torch.randn(41, 30).double().t()
    found = []
    for run in (cell, cell.unroll):
        hidden, (end,) = run(x)
        found.append(torch.autograd.grad([hidden, end], list(cell.parameters()), [above, last]))
    close(*found)


def test_a_gradient_of_many_steps_is_as_exact_as_in_double_precision_but_for_rounding() -> None:
    """Sums go by step, by chunk, and then over all: one after another they would be off by 1e-4."""
    torch.manual_seed(0)
    cell = ElmanCell(1, 1, nonlinearity="identity")
    with torch.no_grad():
        cell.weight_hh.zero_()
    cell(torch.ones(1, 100_000, 1))[0].mul(0.1).sum().backward()
    assert cell.bias.grad is not None
    assert cell.bias.grad.item() == pytest.approx(10_000, rel=2e-6)


def test_two_backward_passes_add_up() -> None:
    """Oracle: twice one of them."""
    cell, x = made_of("coupled_oscillators"), torch.randn(4, 6, 3, dtype=torch.float64)
    total = cell(x)[0].square().sum()
    total.backward(retain_graph=True)
    once = [p.grad.clone() for p in cell.v.parameters() if p.grad is not None]
    total.backward()
    close([p.grad for p in cell.v.parameters()], [2 * g for g in once])


def test_a_learnable_first_state_and_a_scalar_are_trained() -> None:
    cell, x = made_of("leaky"), torch.randn(4, 6, 3, dtype=torch.float64)
    h0 = nn.Parameter(torch.randn(5, dtype=torch.float64))
    found = []
    for run in (cell, cell.unroll):
        hidden, _ = run(x, (h0.expand(4, -1),))
        found.append(torch.autograd.grad(hidden.square().sum(), [h0, cell.leak]))
    close(*found)


def test_torch_func_and_modes_look_into_the_loop() -> None:
    """Oracle: the gradient by autograd, the count by hand."""
    cell, x = made_of("leaky"), torch.randn(4, 6, 3, dtype=torch.float64)

    def total(weights: dict[str, Tensor]) -> Tensor:
        return torch.func.functional_call(cell, weights, (x,))[0].square().sum()

    weights = {name: p.detach() for name, p in cell.named_parameters()}
    gradients = torch.func.grad(total)(weights)
    cell(x)[0].square().sum().backward()
    close(gradients["u.weight"], cell.u.weight.grad)
    doubled = {name: 2 * value for name, value in weights.items()}
    wanted = copy.deepcopy(cell)
    wanted.load_state_dict(doubled, strict=False)
    close(total(doubled), wanted.unroll(x)[0].square().sum())
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        cell(x)
    assert counter.get_total_flops() == 6 * 2 * 4 * 5 * (3 + 5)


def test_whoever_trains_it_in_torch_gets_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some updates by Adam, against those of the loop."""
    losses = []
    for run in ("forward", "unroll"):
        cell = made_of("layer_norm")
        adam = torch.optim.Adam(cell.parameters(), lr=0.01)
        torch.manual_seed(3)
        for _ in range(5):
            x = torch.randn(8, 10, 3, dtype=torch.float64)
            adam.zero_grad()
            loss = F.mse_loss(getattr(cell, run)(x)[0][:, -1], x.sum(1)[:, [0, 1, 2, 0, 1]])
            loss.backward()
            adam.step()
            losses.append(loss.detach())
    close(torch.stack(losses[:5]), torch.stack(losses[5:]))


def test_a_saturated_unit_has_no_gradient() -> None:
    """Oracle: torch, whose tanh(20) is 1 in single precision and 1 - 1^2 is 0."""
    cell = made_of("leaky", dtype=torch.float32)
    for other in (cell, LSTMCell(3, 5)):
        with torch.no_grad():
            for parameter in other.parameters():
                parameter.fill_(20.0)
        x = torch.ones(2, 3, 3)
        found = [
            torch.autograd.grad(run(x)[0].sum(), list(other.parameters()), allow_unused=True)
            for run in (other, other.unroll)
        ]
        for mine, loops in zip(*found, strict=True):
            assert (mine is None) == (loops is None)
            assert mine is None or torch.allclose(mine, loops, rtol=1e-5, atol=0)
