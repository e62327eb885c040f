"""A stack of recurrent cells and the readout of its last layer."""

import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from rnnlab.cells.cell import Cell, State
from rnnlab.cells.masked import Masked, Rows, zeroed
from rnnlab.cells.nonlinearities import NONLINEARITIES
from rnnlab.cells.wrapper import wrapped
from rnnlab.foundation.checks import check_choice, check_float, check_int
from rnnlab.kernels.linear import linear
from rnnlab.kernels.recompute import recomputed

NO_GRADIENT = 256
"""Steps that are computed at once where tbptt keeps no gradient: a layer keeps the hidden states of these for the next."""

AT_ONCE = 2**20
"""Numbers of a mask that are drawn at once: torch's generator takes four bytes for each."""


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
        check_choice("output_nonlinearity", output_nonlinearity, NONLINEARITIES)
        layers = [cell(input_size)]
        for _ in range(num_layers - 1):
            layers.append(cell(layers[-1].hidden_size))
        self.layers = nn.ModuleList(layers)
        self.dropout = dropout
        self.readout = nn.Linear(layers[-1].hidden_size, output_size)  # V, c
        if (std := layers[-1].readout_std) is not None:
            nn.init.normal_(self.readout.weight, std=std)
            nn.init.zeros_(self.readout.bias)
        self.output_nonlinearity = output_nonlinearity

    def forward(
        self,
        inputs: Tensor,
        states: list[State] | None = None,
        last: int | None = None,
        recompute_steps: int | None = None,
        tbptt: int | None = None,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, list[State]]:
        """The outputs of all steps, (batch, seq_len, output_size), and each layer's last state.

        A task's targets line up with the last steps, and its loss takes the outputs of these alone:
        `outputs, _ = model(inputs, last=targets.size(1))`.

        With `lengths` row r has its lengths[r] first steps alone, and what stands after them is not looked at.
        Outputs, gradients and states are those of each row by itself: a state is that after the row's last step, and
        `last` counts back from there. Where a row has no step, its output is 0: after its last step, or, with
        `last`, in place of the first outputs of a row of fewer steps.

        Args:
            inputs: (batch, seq_len, input_size).
            states: Where each layer starts; its initial state by default.
            last: Read out only the last so many steps: outputs (batch, last, output_size).
            recompute_steps: Keep for the gradient the states at every so-many-th step alone, and compute
                what lies between them again on the way back (Chen et al., 2016). None keeps all.
            tbptt: Truncated backpropagation through time (Williams & Peng, 1990): at every boundary of so many
                steps, counted back from the last, the state goes on and its gradient does not. None: no boundary.
            lengths: Steps of each row, (batch,) whole numbers from 1 to seq_len. None: all have seq_len.

        Raises:
            ValueError: For a `last` or a length outside 1 to seq_len; for `recompute_steps` and `tbptt` at once.
        """
        steps = inputs.size(1)
        if last is not None and not 0 < last <= steps:
            raise ValueError(f"last={last} is not within 1 to seq_len={steps}")
        if recompute_steps is not None and tbptt is not None:
            both = f"tbptt={tbptt} and recompute_steps={recompute_steps}"
            raise ValueError(f"{both} both say what is kept for the gradient: one of them")
        rows = None if lengths is None else Rows.of(lengths, inputs)
        if rows is not None:
            inputs = rows.to_last(inputs)
        given = _Steps(inputs, self.drawn_masks(inputs), None if rows is None else rows.shown)
        outputs, ends = self._cut(
            given, states, steps if last is None else last, recompute_steps, tbptt
        )
        if rows is None:
            return outputs, ends
        if last is None:
            return rows.to_first(outputs), ends
        return zeroed(outputs, rows.shown[:, -last:]), ends

    def _cut(
        self,
        given: "_Steps",
        states: list[State] | None,
        last: int,
        recompute_steps: int | None,
        tbptt: int | None,
    ) -> tuple[Tensor, list[State]]:
        """As `forward`, of sequences that all end at the last step."""
        steps = given.inputs.size(1)
        if torch.is_grad_enabled():
            if tbptt is not None and tbptt < steps:
                return self._truncated(given, states, last, tbptt)
            if recompute_steps is not None and recompute_steps < steps:
                return self._in_parts(given, states, last, recompute_steps)
        return self._unrolled(given, states, last)

    def _in_parts(
        self, given: "_Steps", states: list[State] | None, last: int, recompute_steps: int
    ) -> tuple[Tensor, list[State]]:
        """As `forward`, with the states between parts of so many steps kept alone."""
        steps, parts = given.inputs.size(1), []
        before_answers = steps - last
        for start in range(0, steps, recompute_steps):
            stop = min(start + recompute_steps, steps)
            answers = stop - max(start, before_answers)
            outputs, states = self._recomputed(given.part(start, stop), states, max(1, answers))
            parts += [outputs] if answers > 0 else []
        return torch.cat(parts, dim=1), states or []

    def _truncated(
        self, given: "_Steps", states: list[State] | None, last: int, tbptt: int
    ) -> tuple[Tensor, list[State]]:
        """As `forward`, in parts of `tbptt` steps, of which the first may be shorter."""
        steps, parts = given.inputs.size(1), []
        first = max(0, steps - -(-last // tbptt) * tbptt)  # before it no gradient arrives
        before, after = range(0, first, max(tbptt, NO_GRADIENT)), range(steps, first, -tbptt)
        for start, stop in itertools.pairwise((*before, first, *reversed(after))):
            answers = stop - max(start, steps - last)
            with torch.set_grad_enabled(answers > 0):
                part = given.part(start, stop)
                outputs, ends = self._unrolled(part, states, max(1, answers))
            states = [tuple(t.detach() for t in end) for end in ends] if stop < steps else ends
            parts += [outputs] if answers > 0 else []
        return torch.cat(parts, dim=1), states or []

    def _recomputed(
        self, given: "_Steps", states: list[State] | None, last: int
    ) -> tuple[Tensor, list[State]]:
        """`_unrolled`, with nothing kept but where it begins."""
        sizes: list[int] = []

        def run(inputs: Tensor, *flat: Tensor) -> tuple[Tensor, ...]:
            before = _states(flat, sizes) if states else None
            outputs, ends = self._unrolled(given._replace(inputs=inputs), before, last)
            sizes[:] = map(len, ends)
            return outputs, *itertools.chain(*ends)

        sizes += map(len, states or [])
        trained = [weight for weight in self.parameters() if weight.requires_grad]
        flat = [given.inputs, *itertools.chain(*(states or []))]
        outputs, *ends = recomputed(run, flat, trained)
        return outputs, _states(ends, sizes)

    def _unrolled(
        self, given: "_Steps", states: list[State] | None, last: int
    ) -> tuple[Tensor, list[State]]:
        """As `forward`, of all these steps at once."""
        hidden, ends = given.inputs, []
        for depth, layer in enumerate(self._layers(given.shown)):
            if given.masks and depth > 0:
                hidden = hidden * given.masks[depth - 1] / (1 - self.dropout)
            if given.shown is not None:
                hidden = torch.cat([hidden, given.shown.unsqueeze(2).to(hidden)], dim=2)
            state = None if states is None else states[depth]
            if last == 1 and depth == len(self.layers) - 1:
                ends.append(layer.final_state(hidden, state))
                return self.read_out(ends[-1][0]).unsqueeze(1), ends
            hidden, end = layer(hidden, state)
            ends.append(end)
        if last < hidden.size(1):  # of all, its gradient would be a copy
            hidden = hidden[:, -last:]
        return self.read_out(hidden), ends

    def _layers(self, shown: Tensor | None) -> Sequence[Cell]:
        """The cells, or what computes them where a row has fewer steps."""
        cells: list[Cell] = list(self.layers)  # pyrefly: ignore[bad-assignment]
        return cells if shown is None else wrapped(Masked, self)

    def drawn_masks(self, inputs: Tensor) -> list[Tensor]:
        """What is not dropped between two layers, (batch, seq_len, hidden_size); for all steps before the first."""
        if not (self.training and self.dropout):
            return []
        above: list[Cell] = list(self.layers[1:])  # pyrefly: ignore[bad-assignment]
        return [_mask(inputs, cell.input_size, 1 - self.dropout) for cell in above]

    def read_out(self, hidden: Tensor) -> Tensor:
        """g(V h + c) of the last layer's hidden states."""
        g = NONLINEARITIES[self.output_nonlinearity]
        return g(linear(hidden, self.readout.weight, self.readout.bias))

    def constrain(self) -> None:
        """Bring the weights of all layers back within their bounds, as after each update."""
        layers: list[Cell] = list(self.layers)  # pyrefly: ignore[bad-assignment]
        for cell in layers:
            cell.constrain()

    @property
    def num_params(self) -> int:
        """Trainable numbers in all layers and the readout."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)

    @property
    def state_size(self) -> int:
        """Numbers that a sequence's state has, all layers together."""
        layers: list[Cell] = list(self.layers)  # pyrefly: ignore[bad-assignment]
        return sum(cell.state_size for cell in layers)


class _Steps(NamedTuple):
    """What a part of a forward pass is given."""

    inputs: Tensor  # (batch, seq_len, input_size)
    masks: list[Tensor]  # of dropout, between two layers
    shown: Tensor | None  # which steps a row has, (batch, seq_len); None: all

    def part(self, start: int, stop: int) -> "_Steps":
        """The steps from number `start` up to `stop`."""
        cut = [mask[:, start:stop] for mask in self.masks]
        shown = None if self.shown is None else self.shown[:, start:stop]
        return _Steps(self.inputs[:, start:stop], cut, shown)


def _states(flat: Sequence[Tensor], sizes: list[int]) -> list[State]:
    """As many tensors for each layer as its state has."""
    left = iter(flat)
    return [tuple(itertools.islice(left, size)) for size in sizes]


def _mask(inputs: Tensor, size: int, kept: float) -> Tensor:
    """Bits, a byte each, with as many ones as the share that is kept; the same however steps are cut."""
    batch, steps, _ = inputs.shape
    mask = torch.empty(steps, batch, size, dtype=torch.bool, device=inputs.device)
    for part in mask.split(max(1, AT_ONCE // (batch * size))):
        part.bernoulli_(kept)
    return mask.transpose(0, 1)
