"""Sequences of different lengths in one batch. Oracle: the model on each of them alone, without `lengths`."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from rnnlab.cells import Cell, SequenceModel
from rnnlab.cells.gru import GRUCell
from rnnlab.cells.lstm import LSTMCell
from rnnlab.cells.masked import Masked
from tests.support.cell_choices import every_cell
from tests.support.like_the_loop import is_compiled

LENGTHS, STEPS = (7, 3, 5, 1), 8  # and no row has all steps
QUICK = ("elman", "deltanet", "tcn")
some_quick = pytest.mark.parametrize(
    "make",
    [
        pytest.param(*each.values, id=each.id, marks=() if each.id in QUICK else pytest.mark.slow)
        for each in every_cell.mark.args[1]
    ],
)


def model(make: Callable[..., Cell], num_layers: int = 2, **options: Any) -> SequenceModel:
    torch.manual_seed(0)
    made = SequenceModel(partial(make, hidden_size=6), 3, 2, num_layers=num_layers, **options)
    return made.double()


def padded(padding: float) -> Tensor:
    inputs = torch.randn(4, STEPS, 3, generator=torch.Generator().manual_seed(2)).double()
    for row, length in zip(inputs, LENGTHS, strict=True):
        row[length:] = padding
    return inputs.requires_grad_()


Run = Callable[[Tensor], tuple[Tensor, list[tuple[Tensor, ...]]]]


def found(run: Run, network: SequenceModel, inputs: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Outputs and states; and the gradients of a function of all of them."""
    outputs, ends = run(inputs)
    values = [outputs, *(tensor for end in ends for tensor in end)]
    leaves = [inputs, *network.parameters()]
    total = torch.stack([value.sin().sum() for value in values]).sum()
    gradients = torch.autograd.grad(total, leaves, allow_unused=True, materialize_grads=True)
    return values, list(gradients)


def apart(network: SequenceModel, inputs: Tensor, **options: Any) -> Any:
    """Each row alone: outputs of `last` steps or of all, 0 where it has none, and its states."""
    last, rows, states = options.pop("last", None), [], []
    for row, length in zip(inputs.split(1), LENGTHS, strict=True):
        at_most = None if last is None else min(last, length)
        outputs, ends = network(row[:, :length], last=at_most, **options)
        none = outputs.new_zeros(1, (STEPS if last is None else last) - outputs.size(1), 2)
        rows.append(torch.cat([outputs, none] if last is None else [none, outputs], dim=1))
        states.append(ends)
    ends = [
        tuple(torch.cat(tensors) for tensors in zip(*layer, strict=True))
        for layer in zip(*states, strict=True)
    ]
    return torch.cat(rows), ends


def assert_alike(network: SequenceModel, padding: float = float("nan"), **options: Any) -> None:
    inputs = padded(padding)
    batch = partial(network, lengths=torch.tensor(LENGTHS), **options)
    values, gradients = found(batch, network, inputs)
    alone, of_alone = found(lambda x: apart(network, x, **options), network, inputs)
    for given, expected in zip([*values, *gradients], [*alone, *of_alone], strict=True):
        size = max(1.0, expected.detach().abs().max().item())
        torch.testing.assert_close(given, expected, rtol=0, atol=1e-12 * size)


@some_quick
def test_each_row_is_as_alone(make):
    """Of every cell: outputs at every step, states after the last, and gradients; beyond its end is NaN."""
    assert_alike(model(make))


@pytest.mark.slow
@pytest.mark.parametrize(("last", "num_layers"), [(1, 1), (3, 2), (STEPS, 1)])
@every_cell
def test_the_last_outputs_are_those_of_the_last_steps_of_a_row(make, last, num_layers):
    assert_alike(model(make, num_layers), last=last)


@pytest.mark.parametrize("last", [*(pytest.param(n, marks=pytest.mark.slow) for n in (None, 1)), 3])
@pytest.mark.parametrize("cuts", [{"tbptt": 2}, {"recompute_steps": 3}], ids=str)
def test_what_is_cut_is_cut_as_of_a_row_alone(cuts, last):
    """Boundaries of tbptt are counted back from a row's own last step."""
    assert_alike(model(LSTMCell), last=last, **cuts)


def test_rows_begin_where_they_are_told():
    network, given = model(GRUCell), torch.Generator().manual_seed(3)
    starts = [(torch.randn(4, 6, generator=given).double(),) for _ in network.layers]
    _, ends = network(padded(9.0), starts, lengths=torch.tensor(LENGTHS))
    for r, length in enumerate(LENGTHS):
        of_row = [tuple(tensor[r : r + 1] for tensor in state) for state in starts]
        _, alone = network(padded(9.0)[r : r + 1, :length], of_row)
        for state, expected in zip(ends, alone, strict=True):
            torch.testing.assert_close(state[0][r : r + 1], expected[0], rtol=0, atol=1e-12)


def test_what_would_overflow_beyond_the_end_of_a_row_does_not():
    """h grows 3-fold at each step, and 3^2000 is no number: dh/dw of the row of 2 steps is x_1 all the same."""

    class Growing(Cell):
        def __init__(self, input_size: int, hidden_size: int) -> None:
            super().__init__(input_size, hidden_size)
            self.weight = torch.nn.Parameter(torch.full((hidden_size,), 3.0))

        def step(self, inputs: Tensor, state: Any) -> Any:
            return (self.weight * state[0] + inputs.sum(1, keepdim=True),)

    network = SequenceModel(partial(Growing, hidden_size=1), 1, 1).double()
    inputs = torch.zeros(2, 2000, 1, dtype=torch.float64)
    inputs[0, :2] = 1
    outputs, ((h,),) = network(inputs, last=1, lengths=torch.tensor([2, 2000]))
    outputs[0].sum().backward()
    weight = network.get_parameter("layers.0.weight")
    assert h.flatten().tolist() == [4.0, 0.0]
    torch.testing.assert_close(weight.grad, network.readout.weight.detach().flatten())


def test_rows_of_all_steps_are_a_batch_without_lengths():
    network, inputs = model(LSTMCell), padded(1.0)
    given = found(partial(network, lengths=torch.full((4,), STEPS)), network, inputs)
    for some, others in zip(given, found(network, network, inputs), strict=True):
        torch.testing.assert_close(some, others, rtol=0, atol=1e-12)


def test_dropout_acts_between_layers_of_a_row():
    """In training with dropout=0.5 half of what the second layer reads is 0, and the rest twice as large."""
    network = model(GRUCell, dropout=0.5)
    torch.manual_seed(1)
    one, _ = network(padded(0.0), lengths=torch.tensor(LENGTHS))
    torch.manual_seed(1)
    same, _ = network(padded(5.0), lengths=torch.tensor(LENGTHS))
    network.eval()
    without, _ = network(padded(0.0), lengths=torch.tensor(LENGTHS))
    assert torch.equal(one, same)
    assert not torch.equal(one, without)


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        (torch.tensor([1, 2, 3, 9]), r"lengths=\[1, 2, 3, 9\] are not within 1 to seq_len=8"),
        (torch.tensor([0, 2, 3, 4]), r"lengths=\[0, 2, 3, 4\] are not within 1 to seq_len=8"),
        (torch.ones(4), r"lengths=\(4,\) of torch.float32 are not \(4,\) of whole numbers"),
        (torch.ones(4, dtype=torch.bool), "of torch.bool are not"),
        (torch.tensor([1, 2]), r"lengths=\(2,\) of torch.int64 are not \(4,\) of whole numbers"),
    ],
)
def test_other_lengths_are_refused(lengths, message):
    with pytest.raises(ValueError, match=message):
        model(GRUCell)(padded(0.0), lengths=lengths)


def test_the_masked_loop_is_compiled():
    cell = Masked(LSTMCell(3, 6)).double()
    assert is_compiled(cell, torch.rand(2, 5, 4).double())
