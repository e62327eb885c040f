"""Oracles: y_t = g(V h_t + c) by hand, cells applied one after the other, parameters counted by hand."""

import math
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from rnnlab.cells import Cell
from rnnlab.cells.elman import ElmanCell
from rnnlab.cells.gru import GRUCell
from rnnlab.cells.lstm import LSTMCell
from rnnlab.cells.sequence_model import SequenceModel

G = {
    "identity": lambda a: a,
    "tanh": math.tanh,
    "relu": lambda a: max(a, 0.0),
    "sigmoid": lambda a: 1 / (1 + math.exp(-a)),
}


def model(cell: type[Cell] = ElmanCell, **options: object) -> SequenceModel:
    """3 inputs, 5 hidden units a layer, 2 outputs, float64."""
    torch.manual_seed(0)
    make = partial(cell, hidden_size=5)
    return SequenceModel(make, 3, 2, **options).double()  # pyrefly: ignore[bad-argument-type]


@pytest.fixture
def inputs() -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(4, 7, 3, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("g", G)
def test_outputs_by_hand(inputs, g):
    """Oracle: g(V h_t + c) in Python's floats, at every step."""
    network = model(output_nonlinearity=g)
    outputs, _ = network(inputs)
    assert outputs.shape == (4, 7, 2)
    hidden, _ = network.layers[0](inputs)
    v, c = network.readout.weight.tolist(), network.readout.bias.tolist()
    for h, y in zip(hidden.flatten(0, 1).tolist(), outputs.flatten(0, 1).tolist(), strict=True):
        for row, bias, value in zip(v, c, y, strict=True):
            a = bias + sum(weight * unit for weight, unit in zip(row, h, strict=True))
            assert value == pytest.approx(G[g](a), rel=1e-12, abs=1e-12)


def test_each_output_nonlinearity_is_its_own(inputs):
    outputs = [model(output_nonlinearity=g)(inputs)[0] for g in G]
    for i, output in enumerate(outputs):
        assert not any(torch.allclose(output, other) for other in outputs[:i])


@pytest.mark.parametrize("last", [1, 3, 7])
def test_last_outputs(inputs, last):
    """Oracle: all outputs, cut; the states are those after the whole sequence either way."""
    network = model(LSTMCell, num_layers=2)
    outputs, states = network(inputs)
    cut, same = network(inputs, last=last)
    assert cut.shape == (4, last, 2)
    torch.testing.assert_close(cut, outputs[:, 7 - last :])
    assert all(torch.equal(a, b) for a, b in zip(sum(states, ()), sum(same, ()), strict=True))


@pytest.mark.parametrize("last", [0, -1, 8])
def test_only_steps_that_there_are_can_be_read_out(inputs, last):
    with pytest.raises(ValueError, match=f"last={last} is not within 1 to seq_len=7"):
        model()(inputs, last=last)


@pytest.mark.parametrize("cell", [ElmanCell, LSTMCell, GRUCell])
def test_layers_are_stacked(inputs, cell):
    """Oracle: the cells applied by hand, each to the hidden states of the one below."""
    network = model(cell, num_layers=3)
    bottom, middle, top = network.layers
    first, end_1 = bottom(inputs)
    second, end_2 = middle(first)
    third, end_3 = top(second)
    outputs, states = network(inputs)
    torch.testing.assert_close(outputs, third @ network.readout.weight.T + network.readout.bias)
    assert len(states) == 3
    for state, expected in zip(states, (end_1, end_2, end_3), strict=True):
        torch.testing.assert_close(state, expected)
    assert [(c.input_size, c.hidden_size) for c in network.layers] == [(3, 5), (5, 5), (5, 5)]


@pytest.mark.parametrize("cell", [ElmanCell, LSTMCell, GRUCell])
def test_states_carry_over(inputs, cell):
    """Oracle: the whole sequence at once."""
    network = model(cell, num_layers=2, dropout=0.5).eval()
    whole, ends = network(inputs)
    first, middle = network(inputs[:, :3])
    second, last = network(inputs[:, 3:], middle)
    torch.testing.assert_close(torch.cat([first, second], dim=1), whole)
    torch.testing.assert_close(last, ends)
    assert not torch.allclose(network(inputs[:, 3:])[0], second)


def test_dropout_acts_between_layers_in_training(inputs):
    """Oracle: the formula by hand, with masks drawn for all steps under the same seed of torch's generator."""
    network = model(num_layers=3, dropout=0.4)
    torch.manual_seed(5)
    outputs, _ = network(inputs)
    torch.manual_seed(5)
    steps_first = inputs.size(1), inputs.size(0), 5
    masks = [torch.empty(steps_first, dtype=torch.bool).bernoulli_(0.6) for _ in range(2)]
    hidden, _ = network.layers[0](inputs)
    for layer, mask in zip(network.layers[1:], masks, strict=True):
        hidden, _ = layer(hidden * mask.transpose(0, 1) / 0.6)
    torch.testing.assert_close(outputs, network.readout(hidden))
    assert not torch.allclose(network(inputs)[0], outputs)  # other units are dropped


def test_no_dropout_in_evaluation(inputs):
    """Oracle: the same weights in a model without dropout."""
    network, plain = model(num_layers=2, dropout=0.4), model(num_layers=2)
    assert not torch.allclose(network(inputs)[0], plain(inputs)[0])
    torch.testing.assert_close(network.eval()(inputs)[0], plain(inputs)[0])


@pytest.mark.parametrize(
    ("cell", "num_layers", "by_hand"),
    [
        (ElmanCell, 1, 15 + 25 + 5 + 12),
        (ElmanCell, 2, 15 + 25 + 5 + 25 + 25 + 5 + 12),
        (LSTMCell, 1, 4 * (15 + 25 + 10) + 12),
        (GRUCell, 2, 3 * (15 + 25 + 10) + 3 * (25 + 25 + 10) + 12),
    ],
)
def test_num_params(cell, num_layers, by_hand):
    network = model(cell, num_layers=num_layers)
    assert network.num_params == by_hand
    network.readout.requires_grad_(False)
    assert network.num_params == by_hand - 12


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dropout": 0.5}, "^dropout=0.5 .*num_layers=1"),
        ({"dropout": 1.0, "num_layers": 2}, "^dropout=1.0 is out of bounds: .*below 1"),
        ({"dropout": -0.1, "num_layers": 2}, "^dropout=-0.1 is out of bounds: at least 0"),
        ({"dropout": math.nan, "num_layers": 2}, "^dropout=nan "),
        ({"num_layers": 0}, "^num_layers=0 is too small: at least 1"),
        ({"num_layers": 1.0}, "^num_layers=1.0 is not a whole number"),
        ({"num_layers": True}, "^num_layers=True is not a whole number"),
        ({"output_nonlinearity": "sigmod"}, "^output_nonlinearity=sigmod .*did you mean sigmoid"),
        (
            {"output_nonlinearity": "softmax"},
            "^output_nonlinearity=softmax .*tanh, relu, sigmoid, identity",
        ),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        model(**options)


def test_gradients_reach_every_parameter(inputs):
    network = model(GRUCell, num_layers=2)
    nn.functional.mse_loss(network(inputs, last=1)[0], torch.ones(4, 1, 2).double()).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.any(), name


@pytest.mark.parametrize("cell", [ElmanCell, LSTMCell, GRUCell])
def test_torch_func_sees_through_it(cell, inputs):
    """Oracle: autograd."""
    network = model(cell)

    def loss(parameters):
        outputs, _ = torch.func.functional_call(network, parameters, (inputs,))
        return outputs.square().sum()

    parameters = dict(network.named_parameters())
    found = torch.func.grad(loss)(parameters)
    expected = torch.autograd.grad(network(inputs)[0].square().sum(), list(parameters.values()))
    for name, gradient in zip(parameters, expected, strict=True):
        torch.testing.assert_close(found[name], gradient)


@pytest.mark.parametrize("cell", [ElmanCell, LSTMCell, GRUCell])
def test_no_sequences_have_no_outputs(cell, inputs):
    outputs, _ = model(cell)(inputs[:0])
    assert outputs.shape == (0, *inputs.shape[1:2], 2)
