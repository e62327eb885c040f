"""Sequences of different lengths in one batch: at steps that are not a sequence's own, its state stays as it is."""

from typing import NamedTuple

import torch
from torch import Tensor

from rnnlab.cells.cell import Cell, State
from rnnlab.cells.wrapper import Wrapper


class Masked(Wrapper):
    """s_t = step(x_t, s_{t-1}) where m_t = 1, and s_{t-1} where m_t = 0, with m_t beside x_t in the inputs.

    Its gradient is that of the steps with m_t = 1 alone. As any cell's, its loop is compiled.

    Args:
        cell: Whose step it is.
    """

    def __init__(self, cell: Cell) -> None:
        super().__init__(cell, beside=1, hidden_size=cell.hidden_size)

    def step(self, inputs: Tensor, state: State) -> State:
        x, shown = inputs[:, :-1], inputs[:, -1:] > 0
        pairs = zip(self.cell.step(x, state), state, strict=True)
        return tuple(torch.where(_beside(shown, new), new, old) for new, old in pairs)

    def initial_state(self, inputs: Tensor) -> State:
        return self.cell.initial_state(inputs[..., :-1])


def _beside(shown: Tensor, tensor: Tensor) -> Tensor:
    """(batch, 1), with as many dimensions as the tensor has."""
    return shown if tensor.dim() == 2 else shown.view(-1, *[1] * (tensor.dim() - 1))


class Rows(NamedTuple):
    """Where the sequences of a batch lie: from the first step on, or up to the last.

    A model computes rows that lie up to the last step: then all end at one step, and so do the parts that a gradient is
    cut into. The places before a row's first step are filled with that step. What is computed there is not
    kept, and is finite if the row is.
    """

    lengths: Tensor  # (batch,)
    steps: Tensor  # (seq_len,): 0, 1, 2 ...

    @classmethod
    def of(cls, lengths: Tensor, inputs: Tensor) -> "Rows":
        """Of inputs (batch, seq_len, input_size).

        Raises:
            ValueError: If `lengths` are not whole numbers, (batch,), or, where no device has to be waited for to
                see that, not within 1 to seq_len.
        """
        batch, steps = inputs.shape[:2]
        whole = not (lengths.is_floating_point() or lengths.is_complex())
        if lengths.shape != (batch,) or not whole or lengths.dtype == torch.bool:
            given = f"{tuple(lengths.shape)} of {lengths.dtype}"
            raise ValueError(f"lengths={given} are not ({batch},) of whole numbers, one a sequence")
        if lengths.is_cpu and batch and not 1 <= lengths.min() <= lengths.max() <= steps:
            raise ValueError(f"lengths={lengths.tolist()} are not within 1 to seq_len={steps}")
        there = lengths.to(inputs.device)
        return cls(there.unsqueeze(1), torch.arange(steps, device=inputs.device))

    @property
    def shown(self) -> Tensor:
        """Which steps belong to the rows that lie up to the last; bools, (batch, seq_len)."""
        return self.steps >= len(self.steps) - self.lengths

    def to_last(self, inputs: Tensor) -> Tensor:
        """Of rows from the first step on, those up to the last."""
        index = self.steps + self.lengths - len(self.steps)
        return _picked(inputs, index.clamp(min=0))

    def to_first(self, outputs: Tensor) -> Tensor:
        """Of rows up to the last step, those from the first on, and 0 after them."""
        last = len(self.steps) - 1
        index = self.steps + len(self.steps) - self.lengths
        moved = _picked(outputs, index.clamp(max=last))
        return zeroed(moved, self.steps < self.lengths)


def zeroed(outputs: Tensor, shown: Tensor) -> Tensor:
    """Outputs (batch, steps, ...), with 0 at the steps that are not shown, (batch, steps)."""
    return outputs.where(shown.unsqueeze(2), 0.0)


def _picked(tensor: Tensor, index: Tensor) -> Tensor:
    """Of each row of a tensor (batch, steps, size), the steps (batch, seq_len)."""
    return tensor.gather(1, index.unsqueeze(2).expand(-1, -1, tensor.size(2)))
