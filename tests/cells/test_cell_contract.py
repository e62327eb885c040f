"""What is refused of a user's cell. Oracle: a cell that keeps to everything, and one mistake at a time."""

from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from rnnlab.cells import Cell, check_cell
from rnnlab.cells.deltanet import DeltaNetCell
from rnnlab.cells.elman import ElmanCell
from rnnlab.cells.gru import GRUCell
from rnnlab.cells.lru import LRUCell
from rnnlab.cells.lstm import LSTMCell
from rnnlab.cells.tcn import TCNCell
from rnnlab.foundation.contract import ContractError


class Fading(Cell):
    """h_t = tanh(W x_t) + h_{t-1} / 2"""

    def __init__(self, input_size: int = 2, hidden_size: int = 5) -> None:
        super().__init__(input_size, hidden_size)
        self.weight_ih = nn.Linear(input_size, hidden_size)

    def step(self, inputs: Any, state: Any) -> Any:
        return (torch.tanh(self.weight_ih(inputs)) + state[0] / 2,)


def off(self: Cell, inputs: Any, state: Any = None, run: Any = None) -> Any:
    hidden, end = (run or partial(Cell.forward, self))(inputs, state)
    return hidden + 0.5, end


MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "h alone": (
        {"step": lambda self, x, s: torch.tanh(self.weight_ih(x))},
        "step gave tensor (3, 5) of torch.float64; wanted: a tuple of tensors",
    ),
    "a list": (
        {"step": lambda self, x, s: [torch.tanh(self.weight_ih(x))]},
        "step gave [tensor (3, 5) of torch.float64]; wanted: a tuple",
    ),
    "another size": (
        {"step": lambda self, x, s: (x,)},
        (
            "step gave (tensor (3, 2) of torch.float64); wanted: tensors (batch, ...), the first "
            "(batch, hidden_size) = (3, 5)"
        ),
    ),
    "a state more than it was given": (
        {"step": lambda self, x, s: (s[0], s[0])},
        (
            "step gave (tensor (3, 5) of torch.float64, tensor (3, 5) of torch.float64); wanted: what "
            "it was given, (tensor (3, 5) of torch.float64)"
        ),
    ),
    "single precision": (
        {"step": lambda self, x, s: (s[0].float(),)},
        "step gave (tensor (3, 5) of torch.float32); wanted: what it was given",
    ),
    "an initial state of its own size": (
        {"initial_state": lambda self, x: (torch.zeros(5, dtype=x.dtype),)},
        "initial_state gave (tensor (5,) of torch.float64)",
    ),
    "a number in the state": (
        {
            "initial_state": lambda self, x: (x.new_zeros(3, 5), torch.zeros(())),
            "step": lambda self, x, s: (s[0], s[1]),
        },
        "initial_state gave (tensor (3, 5) of torch.float64, tensor () of torch.float32)",
    ),
    "single precision from the start": (
        {"initial_state": lambda self, x: (torch.zeros(3, 5),)},
        "initial_state gave (tensor (3, 5) of torch.float32); wanted: the type of the inputs",
    ),
    "a forward that is another cell": (
        {"forward": off},
        "forward is off from the loop over step by 0.",
    ),
    "a way of its own that is another cell": (
        {"own_way": lambda self, x, state: off(self, x, state, self.looped)},
        "own_way is off from the loop over step by 0.",
    ),
    "a forward without its state": (
        {"forward": lambda self, x, state=None: Cell.forward(self, x, state)[0]},
        "forward gave tensor (3, 4, 5) of torch.float64; wanted: hidden states and the last state",
    ),
    "an error of its own": (
        {"step": lambda self, x, s: (s[1],)},
        "step raised IndexError: tuple index out of range (test_cell_contract.py, line ",
    ),
}


@pytest.mark.parametrize("kind", [Fading, ElmanCell, GRUCell, LSTMCell])
def test_what_keeps_to_it_passes(kind: type[Cell]) -> None:
    cell = kind(2, 5)
    before = {name: value.clone() for name, value in cell.state_dict().items()}
    check_cell(cell)
    assert cell.training
    assert all(torch.equal(before[name], value) for name, value in cell.state_dict().items())


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named(mistake: str) -> None:
    members, message = MISTAKES[mistake]
    with pytest.raises(ContractError) as refused:
        check_cell(type("Mistaken", (Fading,), members)())
    assert str(refused.value).startswith("Mistaken.")
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def halved(self: Cell, inputs: Any, state: Any) -> Any:
    """The step of the class before it, with half of what that gives."""
    return tuple(tensor / 2 for tensor in type(self).__mro__[1].step(self, inputs, state))


@pytest.mark.parametrize("base", [ElmanCell, GRUCell, LSTMCell, LRUCell, DeltaNetCell, TCNCell])
@pytest.mark.parametrize("size", [6, pytest.param(200, marks=pytest.mark.slow)])
def test_a_class_with_a_step_of_its_own_runs_by_that(base: type[Cell], size: int) -> None:
    """Oracle: the loop over its step. Torch's layer runs an LSTM of 200 units, and the compiled step one of 6."""
    torch.manual_seed(0)
    cell, x = type("Halved", (base,), {"step": halved})(2, size), torch.randn(3, 5, 2)
    assert base.has_own_way() == (base is not Cell)
    wanted, end = cell.unroll(x)
    torch.testing.assert_close(cell(x)[0], wanted)
    torch.testing.assert_close(cell.final_state(x), end)
    check_cell(cell)


def test_a_state_with_a_tensor_more() -> None:
    """A count of the steps, beside the state of the class before it."""

    class Counting(LSTMCell):
        state_names = ("h", "c", "n")

        def initial_state(self, inputs: Any) -> Any:
            return *super().initial_state(inputs), inputs.new_zeros(len(inputs), 1)

        def step(self, inputs: Any, state: Any) -> Any:
            return *super().step(inputs, state[:2]), state[2] + 1

    cell = Counting(2, 5)
    check_cell(cell)
    assert cell(torch.randn(3, 4, 2))[1][2].tolist() == [[4.0]] * 3
    torch.testing.assert_close(cell.final_state(torch.randn(3, 4, 2))[2], torch.full((3, 1), 4.0))
