"""A stack of recurrent cells and the readout of its last layer."""

from collections.abc import Callable

from torch import Tensor, nn

from rnnlab.cells.cell import Cell, State
from rnnlab.foundation.checks import check_choice, check_float, check_int
from rnnlab.kernels.linear import linear

OUTPUT_NONLINEARITIES = {
    "identity": nn.Identity,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
}


class SequenceModel(nn.Module):
    """y_t = g(V h_t + c) at every step t, with h_t of the last layer.

    Args:
        cell: Makes one layer from its number of inputs: a cell class, or a partial of one.
        input_size: Features in x_t.
        output_size: Features in y_t.
        num_layers: Cells on top of one another; each reads the hidden states of the one below.
        dropout: Fraction of the hidden states that is dropped between layers in training.
        output_nonlinearity: g: "identity", "tanh", "relu" or "sigmoid".

    Raises:
        ValueError: For a bad size or choice, and for dropout where there is no second layer.
    """

    def __init__(
        self,
        cell: Callable[[int], Cell],
        input_size: int,
        output_size: int,
        num_layers: int = 1,
        dropout: float = 0.0,
        output_nonlinearity: str = "identity",
    ) -> None:
        super().__init__()
        check_int("output_size", output_size, minimum=1)
        check_int("num_layers", num_layers, minimum=1)
        check_float("dropout", dropout, at_least=0.0, below=1.0)
        if dropout > 0 and num_layers == 1:
            raise ValueError(f"dropout={dropout} acts between layers, and num_layers=1 has no two")
        g = OUTPUT_NONLINEARITIES[
            check_choice("output_nonlinearity", output_nonlinearity, OUTPUT_NONLINEARITIES)
        ]
        layers = [cell(input_size)]
        for _ in range(num_layers - 1):
            layers.append(cell(layers[-1].hidden_size))
        self.layers = nn.ModuleList(layers)
        self.dropout = nn.Dropout(dropout)
        self.readout = nn.Linear(layers[-1].hidden_size, output_size)  # V, c
        self.output_nonlinearity = g()

    def forward(
        self, inputs: Tensor, states: list[State] | None = None, last: int | None = None
    ) -> tuple[Tensor, list[State]]:
        """The outputs of all steps, (batch, seq_len, output_size), and each layer's last state.

        A task's targets line up with the last steps, and its loss takes the outputs of these alone:
        `outputs, _ = model(inputs, last=targets.size(1))`.

        Args:
            inputs: (batch, seq_len, input_size).
            states: Where each layer starts; its initial state by default.
            last: Read out only the last so many steps: outputs (batch, last, output_size).
        """
        if last is not None and not 0 < last <= inputs.size(1):
            raise ValueError(f"last={last} is not within 1 to seq_len={inputs.size(1)}")
        hidden, ends = inputs, []
        for depth, layer in enumerate(self.layers):
            assert isinstance(layer, Cell)
            hidden = self.dropout(hidden) if depth > 0 else hidden
            state = None if states is None else states[depth]
            if last == 1 and depth == len(self.layers) - 1:
                ends.append(layer.final_state(hidden, state))
                return self.read_out(ends[-1][0]).unsqueeze(1), ends
            hidden, end = layer(hidden, state)
            ends.append(end)
        if last is not None and last < inputs.size(1):  # of all, its gradient would be a copy
            hidden = hidden[:, -last:]
        return self.read_out(hidden), ends

    def read_out(self, hidden: Tensor) -> Tensor:
        """g(V h + c) of the last layer's hidden states."""
        return self.output_nonlinearity(linear(hidden, self.readout.weight, self.readout.bias))

    @property
    def num_params(self) -> int:
        """Trainable numbers in all layers and the readout."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)
