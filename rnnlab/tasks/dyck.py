"""Brackets of several types, nested no deeper than a bound: Dyck-(k, m) (Hewitt et al., 2020)."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rnnlab.foundation.checks import check_int
from rnnlab.tasks.draws import Draws
from rnnlab.tasks.labelled_chain import LabelledChain
from rnnlab.tasks.labelling import Labelling


@dataclass(frozen=True)
class Dyck(Labelling):
    """Tell which bracket may close next, in Dyck-(k, m) (Hewitt et al., 2020).

        input   (1  (2  2)  1)  (2      num_types=2, max_depth=2
        label   1)  2)  1)  -   2)      1 2 1 0 2

    k is the number of types of brackets and m how many may be open at once. A sequence is drawn as in the paper:
    where nothing is open, or fewer than m brackets are and a coin falls so, one opens, of a random type;
    else the last one closes. It is the beginning of a word: the paper's end, which may come where nothing is
    open, is left out, so that all sequences are of one length.

    The answer at each step is the type of bracket that is to be closed next, class 0 where none is open.
    The paper trains a language model and asks of it that of all closing brackets the right one has 80 % of the
    probability; here the closing bracket is all that is asked for. `label` is every, or last: after the
    last symbol.

    Inputs are (batch, seq_len, 2 k), one-hot: (1 to (k, then 1) to k). Targets are class numbers, (batch, seq_len)
    or (batch, 1), of k + 1 classes.

    Chance: with p the probability that nothing is open, the shares are p for class 0 and (1 - p) / k for each
    other. After an odd number of steps something is open always.

    Args:
        seq_len: Symbols, at least 1.
        label: every or last.
        num_types: k, at least 2.
        max_depth: m, at least 1.

    Raises:
        ValueError: A number is none, or too small, or `label` is neither.
    """

    seq_len: int = 50
    label: str = "every"
    num_types: int = 2
    max_depth: int = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        check_int("num_types", self.num_types, 2)
        check_int("max_depth", self.max_depth, 1)

    @property
    def symbols(self) -> tuple[str, ...]:
        types = range(1, self.num_types + 1)
        return *(f"({n}" for n in types), *(f"{n})" for n in types)

    @property
    def class_names(self) -> tuple[str, ...]:
        return "-", *self.symbols[self.num_types :]

    def read(self, draws: Draws) -> tuple[Tensor, Tensor]:
        types = draws.integers(0, self.num_types, self.seq_len)
        coins = draws.integers(0, 2, self.seq_len)
        stack = torch.zeros(
            draws.sequences, self.max_depth + 1, dtype=types.dtype, device=types.device
        )
        depth = torch.zeros_like(types[:, :1])
        top, shown, labels = depth, [], []  # at depth 0 there is no top, and none is read
        for kind, coin in zip(types.split(1, dim=1), coins.split(1, dim=1), strict=True):
            opens = (depth == 0) | ((coin == 1) & (depth < self.max_depth))
            shown.append(torch.where(opens, kind, self.num_types + top))
            stack.scatter_(1, depth, kind)  # what lies from `depth` upwards is free
            depth = depth + torch.where(opens, 1, -1)
            top = stack.gather(1, (depth - 1).clamp(min=0))
            labels.append(torch.where(depth > 0, top + 1, 0))
        return torch.cat(shown, dim=1), torch.cat(labels, dim=1)

    @property
    def chain(self) -> LabelledChain:
        up = np.r_[1.0, np.full(self.max_depth - 1, 0.5)]
        down = np.r_[np.full(self.max_depth - 1, 0.5), 1.0]
        depths = np.arange(self.max_depth + 1)
        moves = np.diag(up, 1) + np.diag(down, -1)
        return _Depths(moves[0], moves, (depths > 0).astype(int), self.num_types)


@dataclass(frozen=True)
class _Depths(LabelledChain):
    """Of how many brackets are open, where any of the types is as likely as the others to be the last one.

    Attributes:
        num_types: k; the chain's own labels are 0, where nothing is open, and 1.
    """

    num_types: int

    def label_shares(self, steps: int, classes: int) -> np.ndarray:
        shares = super().label_shares(steps, 2)
        return np.hstack(
            [shares[:, :1], shares[:, 1:].repeat(self.num_types, axis=1) / self.num_types]
        )

    def chance_of(self, labels: np.ndarray) -> float:
        """Of labels that are 0 or 1: whatever opens is of the first type."""
        assert labels.max(initial=0) <= 1
        opens, closes = np.triu(self.moves) / self.num_types, np.tril(self.moves)
        return LabelledChain(self.first / self.num_types, opens + closes, self.labels).chance_of(
            labels
        )
