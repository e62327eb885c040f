"""A model as an ONNX file, for runtimes that have no torch: any batch, any length.

torch's own exporter unrolls nn.RNN to the steps that it is traced with (torch 2.13), and takes seconds.
ONNX has the three layers as operators, so a graph of them is written down here.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from rnnlab.cells.cell import Cell
from rnnlab.cells.sequence_model import SequenceModel
from rnnlab.tasks import Task

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

MISSING = "the package onnx is not installed: pip install 'rnnlab[onnx]'"
OPSET, IR = 17, 8  # of 2022, which the runtimes of today read
CLOSE = 1e-5  # what single precision loses where the sums of a number of size 1 are made in another order
G = {"tanh": "Tanh", "relu": "Relu", "sigmoid": "Sigmoid", "identity": "Identity"}
GATES = {"RNN": [0], "LSTM": [0, 3, 1, 2], "GRU": [1, 0, 2]}
"""Where torch has the gates that ONNX wants: of an LSTM i, o, f, c and of a GRU z, r, h."""


def onnx_file(model: SequenceModel, task: Task, about: Mapping[str, str]) -> bytes:
    """The content of an ONNX file: `inputs` (batch, seq_len, input_size) to `outputs`, y_t of every step.

    Each cell is written as the operator of the layer of torch.nn that computes the same.

    Args:
        model: In single precision, on the CPU.
        task: Whose scales are part of the graph: both are in the units of the data that it has learnt.
        about: What the file says of it: texts by their names.

    Raises:
        ValueError: The package onnx is missing, or a cell computes what none of the layers does.
    """
    try:
        import onnx
    except ImportError as error:
        raise ValueError(MISSING) from error
    graph = _Graph()
    hidden = "inputs"
    if (scale := task.input_scale) is not None:
        hidden = graph.add("Sub", hidden, graph.numbers(scale.mean))
        hidden = graph.add("Div", hidden, graph.numbers(scale.deviation))
    hidden = graph.add("Transpose", hidden, perm=[1, 0, 2])  # to (seq_len, batch, features)
    for cell in model.layers:
        assert isinstance(cell, Cell)
        hidden = _add_layer(graph, cell, hidden)
    readout = model.readout
    hidden = graph.add("MatMul", hidden, graph.constant(readout.weight.mT))
    hidden = graph.add("Add", hidden, graph.constant(readout.bias))
    hidden = graph.add(G[model.output_nonlinearity], hidden)
    if (scale := task.answer_scale) is not None:
        hidden = graph.add("Mul", hidden, graph.numbers(scale.deviation))
        hidden = graph.add("Add", hidden, graph.numbers(scale.mean))
    graph.add("Transpose", hidden, perm=[1, 0, 2], output="outputs")
    (first, *_) = model.layers
    assert isinstance(first, Cell)
    made = graph.model(first.input_size, readout.out_features)
    onnx.helper.set_model_props(made, dict(about))
    onnx.checker.check_model(made)
    return made.SerializeToString()


class _Graph:
    """Nodes as they are added, each of which has one output that is asked for."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[Any] = []

    def add(self, operator: str, *inputs: str, output: str | None = None, **more: Any) -> str:
        """The name of its output."""
        from onnx.helper import make_node

        name = output or f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(make_node(operator, [*inputs], [name], name=name, **more))
        return name

    def constant(self, values: Tensor) -> str:
        from onnx.numpy_helper import from_array

        name = f"constant_{len(self.constants)}"
        self.constants.append(from_array(values.detach().contiguous().numpy(), name))
        return name

    def numbers(self, values: Sequence[float]) -> str:
        return self.constant(torch.tensor(values, dtype=torch.float32))

    def model(self, input_size: int, output_size: int) -> "ModelProto":
        from onnx import TensorProto, helper

        sizes = {"inputs": input_size, "outputs": output_size}
        inputs, outputs = (
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", "seq_len", size])
            for name, size in sizes.items()
        )
        graph = helper.make_graph(self.nodes, "rnnlab", [inputs], [outputs], self.constants)
        opsets = [helper.make_opsetid("", OPSET)]
        return helper.make_model(graph, producer_name="rnnlab", opset_imports=opsets, ir_version=IR)


def _add_layer(graph: _Graph, cell: Cell, inputs: str) -> str:
    """h_t of all steps, (seq_len, batch, hidden_size), from the layer's inputs."""
    layer, size = _layer_of(cell), cell.hidden_size
    kind = type(layer).__name__
    order = torch.tensor(GATES[kind])
    rows = (order.unsqueeze(1) * size + torch.arange(size)).flatten()
    weights = [getattr(layer, f"{name}_l0")[rows] for name in ("weight_ih", "weight_hh")]
    biases = torch.cat([getattr(layer, f"{name}_l0")[rows] for name in ("bias_ih", "bias_hh")])
    parts = [graph.constant(part.unsqueeze(0)) for part in (*weights, biases)]
    more: dict[str, Any] = {"hidden_size": size}
    if isinstance(layer, nn.GRU):
        more["linear_before_reset"] = 1  # r after the product with U_n, as torch has it
    if isinstance(layer, nn.RNN):
        more["activations"] = [layer.nonlinearity.capitalize()]
    start = _first_states(graph, cell, inputs)
    every = graph.add(kind, inputs, *parts, "", *start, **more)  # "": sequences of one length
    return graph.add("Squeeze", every, graph.constant(torch.tensor([1])))  # of directions


def _first_states(graph: _Graph, cell: Cell, inputs: str) -> list[str]:
    """The initial states of all sequences; none where they are 0."""
    states = cell.initial_state(torch.zeros(1, 1, cell.input_size))
    if not any(state.any() for state in states):
        return []
    batch = graph.add("Shape", inputs, start=1, end=2)
    size = graph.constant(torch.tensor([cell.hidden_size]))
    shape = graph.add("Concat", graph.constant(torch.tensor([1])), batch, size, axis=0)
    return [graph.add("Expand", graph.constant(state.unsqueeze(0)), shape) for state in states]


def _layer_of(cell: Cell) -> nn.Module:
    """torch's, once it is seen to compute what the cell does: a cell may be derived from one that has a layer."""
    name = type(cell).__name__
    try:
        layer = cell.torch_layer()
    except ValueError as error:
        raise ValueError(f"{name} cannot be written as ONNX: {error}") from error
    inputs = torch.linspace(-1, 1, 2 * 7 * cell.input_size).view(2, 7, -1)
    with torch.no_grad():
        first = [state.unsqueeze(0).contiguous() for state in cell.initial_state(inputs)]
        found, _ = layer(inputs, tuple(first) if len(first) > 1 else first[0])
        same = torch.allclose(found, cell(inputs)[0], rtol=CLOSE, atol=CLOSE, equal_nan=True)
    if not same:
        raise ValueError(
            f"{name} cannot be written as ONNX: it does not compute what its nn.{type(layer).__name__} does"
        )
    return layer
