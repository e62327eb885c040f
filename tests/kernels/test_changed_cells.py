"""Cells that change once they are compiled, and copies of them. Oracle: the loop over `step` as it then is."""

import copy
import pickle

import pytest
import torch
from torch import Tensor, nn

from rnnlab.cells import State
from rnnlab.kernels.compiled import choice
from tests.support.like_the_loop import assert_like_the_loop, is_compiled, warnings
from tests.support.own_cell import OwnCell, made_by
from tests.support.own_steps import KNOWN, leaky, made_of
from tests.support.refused_steps import drops


def test_a_cell_with_dropout_is_compiled_where_it_drops_nothing() -> None:
    cell, x = made_by(drops), torch.randn(4, 6, 3, dtype=torch.float64)
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
    assert warnings(caplog) == [
        "Rated runs as a loop, for its step changes its attributes at every call"
    ]


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
