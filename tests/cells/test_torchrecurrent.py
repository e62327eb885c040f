"""Cells of which torchrecurrent has the definition of the paper. Oracle: its cell with the same weights."""

from collections.abc import Callable

import pytest
import torch
import torchrecurrent
from torch import Tensor, nn

from rnnlab.cells import Cell
from rnnlab.cells.antisymmetric import AntisymmetricCell
from rnnlab.cells.cornn import CoRNNCell
from rnnlab.cells.indrnn import IndRNNCell
from rnnlab.cells.janet import JANETCell
from rnnlab.cells.lstm_1997 import LSTM1997Cell
from rnnlab.cells.lstm_peephole import PeepholeLSTMCell
from rnnlab.cells.mgu import MGUCell

D, H = 3, 5
SAME = {"weight_ih": "weight_ih", "weight_hh": "weight_hh", "bias_ih": "bias"}
"""Its names, and ours; what is left of its biases is 0, as ours has one where it has two."""

# LEM is left out: its y_t sees the z_{t-1} of the step before, where the paper's sees z_t.
CELLS: dict[str, tuple[Cell, nn.Module, dict[str, str]]] = {
    "antisymmetric": (
        AntisymmetricCell(D, H, epsilon=0.3, gamma=0.2),
        torchrecurrent.AntisymmetricRNNCell(D, H, epsilon=0.3, gamma=0.2),
        SAME,
    ),
    "gated antisymmetric": (
        AntisymmetricCell(D, H, epsilon=0.3, gamma=0.2, gated=True),
        torchrecurrent.GatedAntisymmetricRNNCell(D, H, epsilon=0.3, gamma=0.2),
        {"weight_ih": "weight_iz weight_ih", "weight_hh": "weight_hh", "bias_ih": "bias_z bias"},
    ),
    "cornn": (
        CoRNNCell(D, H, dt=0.2, gamma=2.0, epsilon=1.5),
        torchrecurrent.coRNNCell(D, H, dt=0.2, gamma=2.0, epsilon=1.5),
        SAME | {"weight_ch": "weight_zh"},
    ),
    "indrnn": (
        IndRNNCell(D, H),
        torchrecurrent.IndRNNCell(D, H, nonlinearity="relu"),
        {"weight_ih": "weight_ih", "vector_u": "weight_hh", "bias_ih": "bias"},
    ),
    "janet": (JANETCell(D, H, beta=0.75), torchrecurrent.JANETCell(D, H, beta=0.75), SAME),
    "lstm_1997": (
        LSTM1997Cell(D, H, squashing="tanh"),
        torchrecurrent.OriginalLSTMCell(D, H),
        SAME,
    ),
    "lstm_peephole": (
        PeepholeLSTMCell(D, H),
        torchrecurrent.PeepholeLSTMCell(D, H),
        SAME | {"weight_ph": "weight_ch"},
    ),
    "mgu": (MGUCell(D, H), torchrecurrent.MGUCell(D, H), SAME),
}


@pytest.mark.parametrize("name", CELLS)
def test_values_and_gradients_are_those_of_torchrecurrent(name: str) -> None:
    """All steps of a sequence and every weight's gradient, in double precision."""
    ours, theirs, names = CELLS[name]
    torch.manual_seed(0)
    ours, theirs = ours.double(), theirs.double()
    for weight in ours.parameters():
        nn.init.normal_(weight, std=0.5)
    pairs: dict[str, list[Tensor]] = {
        its: [ours.get_parameter(part) for part in own.split()] for its, own in names.items()
    }
    with torch.no_grad():
        for parameter, weight in theirs.named_parameters():
            if parameter in pairs:
                weight.copy_(torch.cat(pairs[parameter]))
            elif parameter.startswith("bias"):
                weight.zero_()
    x = torch.randn(4, 9, D, dtype=torch.double)
    hidden, wanted = ours(x)[0], unrolled(theirs, x)
    torch.testing.assert_close(hidden, wanted, rtol=1e-12, atol=1e-12)
    by_hand = torch.randn_like(hidden)
    parameters = list(pairs)
    found = torch.autograd.grad(
        (by_hand * hidden).sum(), [w for own in pairs.values() for w in own]
    )
    expected = torch.autograd.grad(
        (by_hand * wanted).sum(), [theirs.get_parameter(p) for p in parameters]
    )
    torch.testing.assert_close(
        torch.cat([g.flatten() for g in found]),
        torch.cat([g.flatten() for g in expected]),
        rtol=1e-10,
        atol=1e-10,
    )


def unrolled(cell: Callable[..., Tensor | tuple[Tensor, ...]], x: Tensor) -> Tensor:
    """Its h_t at all steps: a cell with one tensor for a state gives that, others a tuple."""
    state, hidden = None, []
    for step in x.unbind(dim=1):
        state = cell(step, state)
        hidden.append(state if isinstance(state, Tensor) else state[0])
    return torch.stack(hidden, dim=1)
