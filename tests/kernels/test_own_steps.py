"""Cells that a user could write, compiled from their steps. Oracle: the loop over `step`, values and gradients."""

import copy
import logging
import pickle
from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnlab.cells import Cell, State
from rnnlab.cells.lstm import LSTMCell
from rnnlab.kernels.compiled import choice
from tests.support.own_steps import KNOWN, UNKNOWN, OwnCell, leaky, made_of

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


@pytest.mark.parametrize("input_size", [3, 7], ids=["few inputs", "many inputs"])
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


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_is_not_known_runs_as_the_loop_and_is_named_once(
    name: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "_told", set())
    cell, x = made_of(name), torch.randn(4, 6, 3, dtype=torch.float64)
    hidden = cell(x)[0]
    cell(x[:2])
    assert hidden.shape == (4, 6, 5)
    assert hidden.grad_fn is not None
    assert hidden.grad_fn.name() != "_ScanBackward"
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    message = record.getMessage()
    assert message.startswith("OwnCell runs as a loop, for its step ")
    assert any(says in message for says in UNKNOWN[name][1].split("|")), message


def test_a_cell_with_dropout_is_compiled_where_it_drops_nothing() -> None:
    cell, x = made_of("drops"), torch.randn(4, 6, 3, dtype=torch.float64)
    assert not is_compiled(cell, x)
    assert is_compiled(cell.eval(), x)
    assert_like_the_loop(cell, x)
    assert not is_compiled(cell.train(), x)


def test_what_changes_later_is_noticed() -> None:
    """Else it would run on with the numbers and the tensors of its trace."""
    cell, x = made_of("leaky"), torch.randn(4, 6, 3, dtype=torch.float64)
    assert_like_the_loop(cell, x)
    cell.leak = nn.Parameter(torch.tensor(-1.0, dtype=torch.float64))
    assert_like_the_loop(cell, x)
    cell.w = nn.Linear(3, 5, bias=False).double()
    assert_like_the_loop(cell, x)
    cell._step = KNOWN["masked"]
    assert_like_the_loop(cell, x)
    cell.mask = 1 - cell.mask
    assert_like_the_loop(cell, x)
    with torch.no_grad():
        cell.mask.mul_(0.5)
        cell.u.weight.mul_(0.5)
    assert_like_the_loop(cell, x)
    assert is_compiled(cell, x)
    cell.u.register_forward_hook(lambda *given: given[2] * 2)
    assert not is_compiled(cell, x)


class Counted(OwnCell):
    """Counts its calls, which its step does not read."""

    calls = 0

    def forward(self, inputs: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        self.calls += 1
        return super().forward(inputs, state)


def test_what_the_step_does_not_read_may_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "CHANGES", 1)
    cell, x = Counted(leaky).double(), torch.randn(4, 6, 3, dtype=torch.float64)
    for _ in range(3):
        assert is_compiled(cell, x)
    assert cell.calls == 3
    assert cell.final_state(x)[0].shape == (4, 5)
    assert cell.calls == 4  # a forward of one's own is what runs


RATES = {"of the module": 0.5}


class Rated(OwnCell):
    def step(self, inputs: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (torch.tanh(self.w(inputs) + self.u(state[0])) * self.rate * RATES["of the module"],)


def test_numbers_of_the_cell_and_of_its_module_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    cell, x = Rated(leaky).double(), torch.randn(4, 6, 3, dtype=torch.float64)
    for rate in (0.5, 0.7):
        cell.rate = rate
        assert_like_the_loop(cell, x)
    monkeypatch.setitem(RATES, "of the module", 0.3)
    assert_like_the_loop(cell, x)
    monkeypatch.setattr(Rated, "step", OwnCell.step)
    assert_like_the_loop(cell, x)
    assert is_compiled(cell, x)


def test_a_cell_that_changes_at_every_call_runs_as_the_loop(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "CHANGES", 2)
    cell, x = Rated(leaky).double(), torch.randn(4, 6, 3, dtype=torch.float64)
    for _ in range(4):
        cell.rate *= 0.5
        cell(x)
    assert not is_compiled(cell, x)
    assert caplog.messages == [
        "Rated runs as a loop, for its step changes its attributes at every call"
    ]


def test_a_wrong_program_is_found_out(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a sine whose gradient would be a sine."""
    from rnnlab.kernels.compiled import derivative

    wrong = derivative._of_one(lambda e, x, y, g: e.mul(g, y))
    monkeypatch.setitem(derivative.RULES, "sin", wrong)
    monkeypatch.setattr(choice, "_programs", {})
    cell, x = made_of("branches_by_where"), torch.randn(4, 6, 3, dtype=torch.float64)
    assert not is_compiled(cell, x)
    assert caplog.messages == ["OwnCell runs as a loop, for its step gives other numbers compiled"]


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


def test_two_backward_passes_add_up() -> None:
    """Oracle: twice one of them."""
    cell, x = made_of("coupled_oscillators"), torch.randn(4, 6, 3, dtype=torch.float64)
    total = cell(x)[0].square().sum()
    total.backward(retain_graph=True)
    once = [p.grad.clone() for p in cell.v.parameters() if p.grad is not None]
    total.backward()
    close([p.grad for p in cell.v.parameters()], [2 * g for g in once])


def test_a_copy_and_a_pickled_cell_are_compiled_for_themselves() -> None:
    cell, x = made_of("masked"), torch.randn(4, 6, 3, dtype=torch.float64)
    before = {name: value.clone() for name, value in cell.state_dict().items()}
    cell(x)
    for other in (copy.deepcopy(cell), pickle.loads(pickle.dumps(cell))):
        with torch.no_grad():
            other.u.weight.mul_(2)
        assert is_compiled(other, x)
        assert_like_the_loop(other, x)
        assert not torch.equal(other(x)[0], cell(x)[0])
    assert cell.state_dict().keys() == before.keys()
    assert all(torch.equal(value, before[name]) for name, value in cell.state_dict().items())


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
