"""Oracle: onnxruntime beside the model itself, at lengths that no export has seen."""

import sys
from functools import partial
from typing import Any

import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from rnnlab.cells import SequenceModel
from rnnlab.cells.cell import Cell, State
from rnnlab.cells.elman import ElmanCell
from rnnlab.cells.gru import GRUCell
from rnnlab.cells.lstm import LSTMCell
from rnnlab.prediction.onnx_file import onnx_file
from rnnlab.tasks.adding import Adding

SHAPES = ((1, 1), (2, 7), (5, 100), (3, 1000))
CELLS: dict[str, Any] = {
    "elman": ElmanCell,
    "elman, relu": partial(ElmanCell, nonlinearity="relu", recurrent_init="orthogonal"),
    "elman, h_0 learnt": partial(ElmanCell, learn_h0=True),
    "lstm": LSTMCell,
    "gru": GRUCell,
}


def _model(cell: Any, **more: Any) -> SequenceModel:
    torch.manual_seed(0)
    model = SequenceModel(lambda size: cell(size, hidden_size=6), 2, 3, **more)
    with torch.no_grad():
        for weight in model.parameters():  # biases and h_0 too, some of which begin at 0
            weight.add_(torch.randn_like(weight), alpha=0.1)
    return model.eval()


def _answers(model: SequenceModel, inputs: Tensor) -> Tensor:
    session = onnxruntime.InferenceSession(onnx_file(model, Adding(), {}))
    return torch.from_numpy(session.run(["outputs"], {"inputs": inputs.numpy()})[0])


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", CELLS)
def test_equals_the_model_at_any_length(cell: str, layers: int) -> None:
    model = _model(CELLS[cell], num_layers=layers)
    for batch, steps in SHAPES:
        inputs = torch.randn(batch, steps, 2)
        with torch.no_grad():
            expected, _ = model(inputs)
        torch.testing.assert_close(_answers(model, inputs), expected, rtol=1e-5, atol=1e-5)


G = {"identity": torch.clone, "tanh": torch.tanh, "relu": torch.relu, "sigmoid": torch.sigmoid}


@pytest.mark.parametrize("g", G)
def test_g_acts(g: str) -> None:
    model, inputs = _model(GRUCell, output_nonlinearity=g), torch.randn(2, 7, 2)
    linear = _model(GRUCell)
    with torch.no_grad():
        expected = G[g](linear(inputs)[0])
    torch.testing.assert_close(_answers(model, inputs), expected, rtol=1e-5, atol=1e-5)


def test_it_says_what_it_is_and_that_its_sizes_are_free() -> None:
    session = onnxruntime.InferenceSession(
        onnx_file(_model(LSTMCell), Adding(), {"rnnlab.run": "a run"})
    )
    assert session.get_inputs()[0].shape == ["batch", "seq_len", 2]
    assert session.get_outputs()[0].shape == ["batch", "seq_len", 3]
    assert session.get_modelmeta().custom_metadata_map == {"rnnlab.run": "a run"}


class _Own(Cell):
    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.weight = nn.Parameter(torch.ones(hidden_size, input_size))

    def step(self, inputs: Tensor, state: State) -> State:
        return (0.5 * state[0] + inputs @ self.weight.mT,)


class _Changed(GRUCell):
    def step(self, inputs: Tensor, state: State) -> State:
        (h,) = super().step(inputs, state)
        return (0.9 * h,)


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        (_Own, "_Own cannot be written as ONNX: it is none of nn.RNN, nn.LSTM and nn.GRU"),
        (_Changed, "_Changed cannot be written as ONNX: it does not compute what its nn.GRU does"),
        (
            partial(ElmanCell, nonlinearity="sigmoid"),
            "ElmanCell cannot be written as ONNX: nn.RNN has no nonlinearity=sigmoid",
        ),
    ],
)
def test_another_cell_is_refused_by_name(cell: Any, why: str) -> None:
    with pytest.raises(ValueError, match=f"^{why}"):
        onnx_file(_model(cell), Adding(), {})


def test_without_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ValueError, match=r"pip install 'rnnlab\[onnx\]'"):
        onnx_file(_model(GRUCell), Adding(), {})
