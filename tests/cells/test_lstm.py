"""Oracles: torch.nn.LSTMCell in a loop and torch.nn.LSTM, same weights; gate biases by definition."""

import math

import pytest
import torch
from torch import Tensor, nn

from rnnlab.cells.lstm import LSTMCell

NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def lstm(*arguments: object, seed: int = 0, **options: object) -> LSTMCell:
    torch.manual_seed(seed)
    return LSTMCell(*arguments, **options)  # pyrefly: ignore[bad-argument-type]


def gates(cell: LSTMCell) -> dict[str, Tensor]:
    """b_ih + b_hh of each gate, in torch's order."""
    chunks = (cell.bias_ih + cell.bias_hh).detach().chunk(4)
    return dict(zip("ifgo", chunks, strict=True))


@pytest.mark.parametrize("state_given", [False, True])
@pytest.mark.parametrize("options", [{}, {"forget_bias": None, "chrono": 30}], ids=str)
def test_is_a_loop_over_torch_lstm_cell(options, state_given):
    cell = lstm(3, 5, **options).double()
    twin = nn.LSTMCell(3, 5).double()
    twin.load_state_dict({name: getattr(cell, name) for name in NAMES})
    inputs = torch.randn(4, 7, 3, dtype=torch.float64)
    target = torch.randn(4, 7, 5, dtype=torch.float64)
    zeros = torch.zeros(4, 5, dtype=torch.float64)
    state = (torch.randn_like(zeros), torch.randn_like(zeros)) if state_given else (zeros, zeros)
    mine, theirs = inputs.clone().requires_grad_(), inputs.clone().requires_grad_()
    hidden, end = cell(mine, state if state_given else None)
    steps, (h, c) = [], state
    for x in theirs.unbind(dim=1):
        h, c = twin(x, (h, c))
        steps.append(h)
    expected = torch.stack(steps, dim=1)
    torch.testing.assert_close(hidden, expected)
    torch.testing.assert_close(end, (h, c))
    ((hidden - target).square().sum() + end[1].sum()).backward()
    ((expected - target).square().sum() + c.sum()).backward()
    torch.testing.assert_close(mine.grad, theirs.grad)
    for name in NAMES:
        torch.testing.assert_close(getattr(cell, name).grad, getattr(twin, name).grad)


def test_is_torch_lstm():
    cell, layer = lstm(3, 5), nn.LSTM(3, 5, batch_first=True)
    layer.load_state_dict({f"{name}_l0": getattr(cell, name) for name in NAMES})
    inputs = torch.randn(4, 7, 3)
    hidden, (h, c) = cell(inputs)
    expected, (last, memory) = layer(inputs)
    torch.testing.assert_close(hidden, expected)
    torch.testing.assert_close((h, c), (last[0], memory[0]))


def test_one_step_by_hand():
    """Oracle: the equations of the docstring in Python's floats."""
    cell = LSTMCell(1, 1).double()
    rows = [[0.5, -0.2, 0.1, 0.0], [0.3, 0.8, 0.4, 0.6], [-0.7, 0.9, 0.2, 0.1], [1.1, 0.4, 0.3, -1]]
    columns = torch.tensor(rows, dtype=torch.float64).T
    with torch.no_grad():
        for name, column in zip(NAMES, columns, strict=True):
            getattr(cell, name).copy_(column.view(getattr(cell, name).shape))
    x, h, c = 0.6, -0.3, 0.9
    i, f, g, o = (w * x + u * h + b + d for w, u, b, d in rows)

    def sigmoid(a: float) -> float:
        return 1 / (1 + math.exp(-a))

    memory = sigmoid(f) * c + sigmoid(i) * math.tanh(g)
    expected = sigmoid(o) * math.tanh(memory)
    state = (torch.tensor([[h]], dtype=torch.float64), torch.tensor([[c]], dtype=torch.float64))
    for run in (
        cell.step(torch.tensor([[x]]).double(), state),
        cell(torch.tensor([[[x]]]).double(), state)[1],
    ):
        assert [part.item() for part in run] == pytest.approx([expected, memory], rel=1e-6)


def test_without_options_the_weights_are_those_of_torch():
    """Oracle: torch.nn.LSTM made under the same seed."""
    cell = lstm(3, 5, forget_bias=None)
    torch.manual_seed(0)
    layer = nn.LSTM(3, 5)
    for name in NAMES:
        assert torch.equal(getattr(cell, name), layer.get_parameter(f"{name}_l0"))


@pytest.mark.parametrize("forget_bias", [1.0, 0.0, -2.5, 3])
def test_forget_bias(forget_bias):
    """Oracle: b_f is the number, all other biases are torch's under the same seed."""
    cell, plain = lstm(3, 5, forget_bias=forget_bias), lstm(3, 5, forget_bias=None)
    assert gates(cell)["f"].tolist() == [forget_bias] * 5
    for gate in "igo":
        assert torch.equal(gates(cell)[gate], gates(plain)[gate])
    assert torch.equal(cell.weight_ih, plain.weight_ih)
    assert torch.equal(cell.weight_hh, plain.weight_hh)


def test_the_forget_bias_is_1_by_default():
    assert gates(LSTMCell(2, 3))["f"].tolist() == [1.0] * 3


@pytest.mark.parametrize("chrono", [3, 5, 1000])
def test_chrono(chrono):
    """Oracle: e^b_f is uniform in (1, chrono - 1), whose mean is chrono/2; b_i = -b_f."""
    size = 400
    cell = lstm(2, size, forget_bias=None, chrono=chrono)
    b = gates(cell)
    assert torch.equal(b["i"], -b["f"])
    u = b["f"].double().exp()
    width = chrono - 2
    assert 1 - 1e-5 <= u.min().item() < 1 + 0.05 * width
    assert chrono - 1 - 0.05 * width < u.max().item() <= (chrono - 1) * (1 + 1e-5)
    assert abs(u.mean().item() - chrono / 2) < 4 * width / math.sqrt(12 * size)
    assert u.std().item() == pytest.approx(width / math.sqrt(12), rel=0.1)
    for gate in "go":
        assert b[gate].abs().max() <= 2 / math.sqrt(size)  # torch's, two of them
    other = lstm(2, size, seed=1, forget_bias=None, chrono=chrono)
    assert not torch.equal(b["f"], gates(other)["f"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"chrono": 100}, "^chrono=100 and forget_bias=1.0 both .*forget_bias=null"),
        ({"chrono": 100, "forget_bias": 0.0}, "^chrono=100 and forget_bias=0.0 both "),
        ({"chrono": 2, "forget_bias": None}, "^chrono=2 is too small: at least 3"),
        ({"chrono": -5, "forget_bias": None}, "^chrono=-5 is too small"),
        ({"chrono": 10.0, "forget_bias": None}, "^chrono=10.0 is not a whole number"),
        ({"chrono": True, "forget_bias": None}, "^chrono=True is not a whole number"),
        ({"forget_bias": math.nan}, "^forget_bias=nan is not a finite number"),
        ({"forget_bias": math.inf}, "^forget_bias=inf is not a finite number"),
        ({"forget_bias": True}, "^forget_bias=True is not a finite number"),
        ({"forget_bias": "1"}, "^forget_bias=1 is not a finite number"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        LSTMCell(2, 3, **options)
