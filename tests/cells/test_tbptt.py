"""Truncated backpropagation through time. Oracle: a plain loop over `step` that detaches."""

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from rnnlab.cells.cell import Cell
from rnnlab.cells.elman import ElmanCell
from rnnlab.cells.gru import GRUCell
from rnnlab.cells.lstm import LSTMCell
from rnnlab.cells.sequence_model import SequenceModel

STEPS, BATCH = 13, 3
EXACT: dict[str, Any] = {"rtol": 0, "atol": 1e-12}


def model(cell: Any, layers: int, dropout: float = 0.0) -> SequenceModel:
    torch.manual_seed(0)
    made = SequenceModel(partial(cell, hidden_size=5), 3, 2, num_layers=layers, dropout=dropout)
    return made.double()


def detaching_loop(network: SequenceModel, inputs: Tensor, tbptt: int) -> Tensor:
    """The outputs of all steps."""
    cells: list[Cell] = list(network.layers)  # pyrefly: ignore[bad-assignment]
    states: Any = [None] * len(cells)
    outputs = []
    for t in range(STEPS):
        below = inputs[:, t]
        if t > 0 and (STEPS - t) % tbptt == 0:
            states = [tuple(part.detach() for part in state) for state in states]
        for depth, cell in enumerate(cells):
            before = cell.initial_state(below.unsqueeze(1)) if t == 0 else states[depth]
            states[depth] = cell.step(below, before)
            below = states[depth][0]
        outputs.append(network.read_out(below))
    return torch.stack(outputs, dim=1)


def gradients(network: SequenceModel, outputs: Tensor) -> list[Tensor]:
    loss, weights = outputs.square().sum(), list(network.parameters())
    return list(torch.autograd.grad(loss, weights))


@pytest.mark.parametrize(
    ("last", "tbptt", "layers"),
    [
        *((1, 4, 2), (STEPS, 4, 2)),
        *(
            pytest.param(last, tbptt, layers, marks=pytest.mark.slow)
            for last in (1, 6, STEPS)
            for tbptt in (1, 4, STEPS - 1)
            for layers in (1, 2)
            if (last, tbptt, layers) not in ((1, 4, 2), (STEPS, 4, 2))
        ),
    ],
)
@pytest.mark.parametrize("cell", [ElmanCell, GRUCell, LSTMCell])
def test_a_loop_that_detaches(cell: Any, layers: int, last: int, tbptt: int) -> None:
    network = model(cell, layers)
    inputs = torch.randn(BATCH, STEPS, 3, dtype=torch.double)
    outputs, ends = network(inputs, last=last, tbptt=tbptt)
    expected = detaching_loop(network, inputs, tbptt)[:, -last:]
    torch.testing.assert_close(outputs, expected, **EXACT)
    torch.testing.assert_close(ends, network(inputs)[1], **EXACT)
    found = gradients(network, outputs)
    torch.testing.assert_close(found, gradients(network, expected), **EXACT)
    whole = gradients(network, network(inputs, last=last)[0])
    assert not torch.allclose(found[0], whole[0], rtol=1e-6)


def test_one_answer_reaches_the_last_steps_alone() -> None:
    """Whatever the length is: boundaries are counted back from the last step."""
    network = model(LSTMCell, 2)
    for steps in (7, 8, 9, 12):
        inputs = torch.randn(BATCH, steps, 3, dtype=torch.double, requires_grad=True)
        network(inputs, last=1, tbptt=4)[0].sum().backward()
        assert inputs.grad is not None
        reached = inputs.grad.abs().sum(dim=(0, 2)) > 0
        assert reached.tolist() == [t >= steps - 4 for t in range(steps)]


@pytest.mark.parametrize("tbptt", [STEPS, STEPS + 1])
def test_no_boundary_within_a_sequence(tbptt: int) -> None:
    network = model(GRUCell, 2)
    inputs = torch.randn(BATCH, STEPS, 3, dtype=torch.double)
    whole, cut = network(inputs)[0], network(inputs, tbptt=tbptt)[0]
    torch.testing.assert_close(gradients(network, cut), gradients(network, whole), **EXACT)


def test_the_same_units_are_dropped_and_a_state_given_goes_on() -> None:
    network = model(LSTMCell, 2, dropout=0.4)
    inputs = torch.randn(BATCH, STEPS, 3, dtype=torch.double)
    states = network(inputs)[1]
    values = []
    for tbptt in (None, 5):
        torch.manual_seed(1)
        values.append(network(inputs, states, tbptt=tbptt))
    torch.testing.assert_close(values[0], values[1], **EXACT)


def test_refused() -> None:
    network = model(ElmanCell, 1)
    said = "^tbptt=4 and recompute_steps=3 both say what is kept"
    with pytest.raises(ValueError, match=said):
        network(torch.zeros(1, STEPS, 3).double(), recompute_steps=3, tbptt=4)
