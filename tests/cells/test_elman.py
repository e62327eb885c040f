"""Oracles: torch.nn.RNN with the same weights, single steps by hand, properties of each U."""

import itertools
import math

import pytest
import torch
from torch import Tensor, nn

from rnnlab.cells.elman import ElmanCell

INITS = ("default", "orthogonal", "identity", "scaled")


def elman(*arguments: object, seed: int = 0, **options: object) -> ElmanCell:
    torch.manual_seed(seed)
    return ElmanCell(*arguments, **options)  # pyrefly: ignore[bad-argument-type]


def scalar_cell(nonlinearity: str, w: float, u: float, b: float) -> ElmanCell:
    cell = ElmanCell(1, 1, nonlinearity).double()
    for parameter, value in ((cell.weight_ih, w), (cell.weight_hh, u), (cell.bias, b)):
        nn.init.constant_(parameter, value)
    return cell


@pytest.mark.parametrize("state_given", [False, True])
@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
def test_is_torch_rnn_without_its_second_bias(nonlinearity, state_given):
    """Oracle: torch.nn.RNN with bias_hh = 0, values and gradients."""
    cell = elman(3, 6, nonlinearity).double()
    nn.init.normal_(cell.bias)
    rnn = nn.RNN(3, 6, nonlinearity=nonlinearity, batch_first=True).double()
    weights = {"weight_ih_l0": cell.weight_ih, "weight_hh_l0": cell.weight_hh}
    rnn.load_state_dict({**weights, "bias_ih_l0": cell.bias, "bias_hh_l0": torch.zeros(6)})
    inputs = torch.randn(4, 9, 3, dtype=torch.float64)
    target = torch.randn(4, 9, 6, dtype=torch.float64)
    h = torch.randn(4, 6, dtype=torch.float64)
    mine, theirs = inputs.clone().requires_grad_(), inputs.clone().requires_grad_()
    hidden, (end,) = cell(mine, (h,) if state_given else None)
    expected, last = rnn(theirs, h.unsqueeze(0) if state_given else None)
    torch.testing.assert_close(hidden, expected)
    torch.testing.assert_close(end, last[0])
    (hidden - target).square().sum().backward()
    (expected - target).square().sum().backward()
    torch.testing.assert_close(mine.grad, theirs.grad)
    for name in ("weight_ih", "weight_hh"):
        torch.testing.assert_close(
            cell.get_parameter(name).grad, rnn.get_parameter(f"{name}_l0").grad
        )
    torch.testing.assert_close(cell.bias.grad, rnn.get_parameter("bias_ih_l0").grad)


@pytest.mark.parametrize(
    ("nonlinearity", "f"),
    [
        ("tanh", math.tanh),
        ("relu", lambda a: max(a, 0.0)),
        ("sigmoid", lambda a: 1 / (1 + math.exp(-a))),
    ],
)
def test_three_steps_by_hand(nonlinearity, f):
    """Oracle: h_t = f(W x_t + U h_{t-1} + b) in Python's floats, h_0 = 0."""
    cell = scalar_cell(nonlinearity, w=0.7, u=-1.3, b=0.2)
    x = [0.5, 1.5, -0.4]
    h1 = f(0.7 * 0.5 + 0.2)
    h2 = f(0.7 * 1.5 - 1.3 * h1 + 0.2)
    h3 = f(0.7 * -0.4 - 1.3 * h2 + 0.2)
    hidden, (end,) = cell(torch.tensor(x, dtype=torch.float64).view(1, 3, 1))
    assert hidden.flatten().tolist() == pytest.approx([h1, h2, h3], rel=1e-12)
    assert end.item() == hidden[0, -1, 0].item()


def test_sigmoid_gradient_by_hand():
    """Oracle: the chain rule, dh_2/dU = s'(a_2) (h_1 + U dh_1/dU), and dh_1/dU = 0."""
    cell = scalar_cell("sigmoid", w=1.0, u=2.0, b=-0.5)
    hidden, _ = cell(torch.tensor([[[0.3], [0.8]]], dtype=torch.float64))
    hidden[0, 1, 0].backward()
    h1, h2 = hidden.flatten().tolist()
    slope = h2 * (1 - h2)
    assert cell.weight_hh.grad is not None
    assert cell.weight_hh.grad.item() == pytest.approx(slope * h1, rel=1e-12)
    assert cell.bias.grad is not None
    assert cell.bias.grad.item() == pytest.approx(slope * (1 + 2.0 * h1 * (1 - h1)), rel=1e-12)


@pytest.mark.parametrize("gain", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("init", INITS)
def test_what_u_starts_from(init, gain):
    """Oracles: U^T U = gain^2 I; U = gain I; spectral radius = gain; |U_ij| <= gain/sqrt(H)."""
    size = 30
    u = elman(3, size, recurrent_init=init, recurrent_gain=gain).double().weight_hh.detach()
    eye = torch.eye(size, dtype=torch.float64)
    match init:
        case "orthogonal":
            torch.testing.assert_close(u.T @ u, gain**2 * eye, atol=1e-5, rtol=0)
            assert not torch.allclose(u, gain * eye)
        case "identity":
            assert torch.equal(u, gain * eye)
        case "scaled":
            assert torch.linalg.eigvals(u).abs().max().item() == pytest.approx(gain, rel=1e-5)
            # Gaussian entries: a standard deviation near gain/sqrt(H), by the circular law.
            assert 0.6 * gain < u.std().item() * size**0.5 < 1.2 * gain
        case "default":
            assert_uniform(u, gain / math.sqrt(size))


def assert_uniform(weight: Tensor, bound: float) -> None:
    """Every |w| within the bound, reaching near it, with a uniform's standard deviation."""
    assert 0.98 * bound < weight.abs().max().item() <= bound
    assert weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.1)
    assert abs(weight.mean().item()) < 4 * bound / math.sqrt(3 * weight.numel())


@pytest.mark.parametrize("init", INITS)
def test_what_w_and_b_start_from(init):
    """Oracle: W within 1/sqrt(H), H = hidden_size and not input_size; b = 0."""
    cell = elman(200, 16, recurrent_init=init, recurrent_gain=3.0)
    assert_uniform(cell.weight_ih.detach(), 0.25)
    assert torch.equal(cell.bias, torch.zeros(16))


def test_h0_is_zero_unless_learned():
    inputs = torch.randn(3, 4, 2, generator=torch.Generator().manual_seed(0))
    plain, learned = elman(2, 5), elman(2, 5, learn_h0=True)
    assert torch.equal(plain.initial_state(inputs)[0], torch.zeros(3, 5))
    assert plain.h0 is None
    assert torch.equal(plain(inputs)[0], learned(inputs)[0])  # h_0 starts from zero
    h0 = learned.h0
    assert h0 is not None
    nn.init.constant_(h0, 0.3)
    assert torch.equal(learned(inputs)[0], plain(inputs, (torch.full((3, 5), 0.3),))[0])
    count = sum(p.numel() for p in learned.parameters())
    assert count == sum(p.numel() for p in plain.parameters()) + 5


def test_h0_learns():
    """Oracle: a target that only h_0 can meet, U = I, W = 0, relu: h_T = h_0, so dL/dh_0 = -2."""
    cell = elman(1, 2, "relu", "identity", learn_h0=True).double()
    nn.init.zeros_(cell.weight_ih)
    h0 = cell.h0
    assert h0 is not None
    nn.init.constant_(h0, 0.5)
    hidden, _ = cell(torch.ones(1, 6, 1, dtype=torch.float64))
    (hidden[:, -1] - 1.5).square().sum().backward()
    assert h0.grad is not None
    assert h0.grad.tolist() == [-2.0, -2.0]
    with torch.no_grad():
        h0.sub_(0.5 * h0.grad)
    torch.testing.assert_close(cell(torch.ones(1, 6, 1, dtype=torch.float64))[0][0, -1], h0 * 1.0)
    assert h0.tolist() == [1.5, 1.5]


def test_each_option_changes_something():
    inputs = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0))
    functions = [elman(3, 8, f)(inputs)[0] for f in ("tanh", "relu", "sigmoid")]
    inits = [elman(3, 8, recurrent_init=init).weight_hh for init in INITS]
    gains = [elman(3, 8, recurrent_gain=gain).weight_hh for gain in (1.0, 0.5)]
    for values in (functions, inits, gains):
        for value, other in itertools.combinations(values, 2):
            assert not torch.allclose(value, other)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"nonlinearity": "tahn"}, r"^nonlinearity=tahn is not allowed: did you mean tanh\?"),
        ({"nonlinearity": None}, "^nonlinearity=None .*tanh, relu, sigmoid"),
        ({"recurrent_init": "eye"}, "^recurrent_init=eye .*default, orthogonal, identity, scaled"),
        ({"recurrent_gain": 0.0}, "^recurrent_gain=0.0 is out of bounds: above 0"),
        ({"recurrent_gain": -1}, "^recurrent_gain=-1 "),
        ({"recurrent_gain": math.nan}, "^recurrent_gain=nan "),
        ({"recurrent_gain": math.inf}, "^recurrent_gain=inf "),
        ({"recurrent_gain": True}, "^recurrent_gain=True "),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        ElmanCell(3, 4, **options)
