"""The states of all layers at every step. Oracle: the loop over `step`, in double precision."""

import pytest
import torch
from torch import Tensor

from rnnlab.cells import Cell, SequenceModel, State
from rnnlab.cells.all_states import AllStates
from rnnlab.cells.deltanet import DeltaNetCell
from rnnlab.cells.elman import ElmanCell
from rnnlab.cells.gru import GRUCell
from rnnlab.cells.lstm import LSTMCell


class Counting(Cell):
    """h_t = tanh(x_t) + h_{t-1} / 2, beside a table of the last inputs that has no name."""

    def initial_state(self, inputs: Tensor) -> State:
        rows = inputs.size(0)
        return inputs.new_zeros(rows, self.hidden_size), inputs.new_ones(rows, 2, self.input_size)

    def step(self, inputs: Tensor, state: State) -> State:
        h, table = state
        return inputs.tanh() + h / 2, torch.stack([inputs, table[:, 0]], dim=1)


def loop(model: SequenceModel, inputs: Tensor) -> list[list[Tensor]]:
    """Of each layer, each tensor of its state at every step."""
    found, below = [], inputs
    for cell in model.layers:
        assert isinstance(cell, Cell)
        state, steps = cell.initial_state(below), []
        for x in below.unbind(dim=1):
            state = cell.step(x, state)
            steps.append(state)
        found.append([torch.stack(list(each), dim=1) for each in zip(*steps, strict=True)])
        below = found[-1][0]
    return found


@pytest.mark.parametrize(
    ("cell", "names"),
    [
        (ElmanCell, ["h"]),
        (GRUCell, ["h"]),
        (LSTMCell, ["h", "c"]),
        (Counting, ["h", "state1"]),
        (DeltaNetCell, ["h", "S"]),
    ],
)
@pytest.mark.parametrize("num_layers", [1, 2])
def test_they_are_those_of_the_loop(cell: type[Cell], names: list[str], num_layers: int) -> None:
    torch.manual_seed(0)
    model = SequenceModel(lambda size: cell(size, 3), 3, 2, num_layers).double().eval()
    inputs = torch.randn(2, 9, 3, dtype=torch.double)
    with torch.no_grad():
        outputs, ends, states = AllStates(model)(inputs, None)
        expected = loop(model, inputs)
        first, between, _ = AllStates(model)(inputs[:, :4], None)
        rest, _, later = AllStates(model)(inputs[:, 4:], between)
        torch.testing.assert_close(outputs, model(inputs)[0])
    found = [f"layers.{depth}.{name}" for depth in range(num_layers) for name in names]
    assert list(states) == (names if num_layers == 1 else found)
    flat = [tensor for layer in expected for tensor in layer]
    for name, wanted in zip(states, flat, strict=True):
        torch.testing.assert_close(states[name], wanted)
        torch.testing.assert_close(later[name], wanted[:, 4:])  # from where the first four end
    torch.testing.assert_close(
        [tuple(tensor[:, -1] for tensor in layer) for layer in expected], ends
    )
    torch.testing.assert_close(torch.cat([first, rest], dim=1), outputs)
