"""Even pairs: whether 01 and 10 have come an even or an odd number of times in all (Deletang et al., 2022)."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from torch import Tensor

from rnnlab.tasks.draws import Draws
from rnnlab.tasks.labelled_chain import LabelledChain
from rnnlab.tasks.labelling import Labelling


@dataclass(frozen=True)
class EvenPairs(Labelling):
    """Tell whether 01 and 10 come an odd number of times, both together (Deletang et al., 2022).

        input   0 1 0 1 0 0 1
        label   0 1 0 1 0 0 1      so far; two times 10 and three times 01: odd, class 1

    As each such pair is a change, the answer is whether the last symbol differs from the first: all there
    is to remember is the first. Every symbol is 0 or 1 with equal chance. `label` is last, after or every, as
    for parity; so are the shapes.

    The label of the first symbol is 0, and all others are equally likely: chance is ln 2, and right in half
    of the sequences; for `every` it is ln 2 (seq_len - 1) / seq_len. In a sequence of one symbol nothing is
    left to tell: `seq_len=1` is for training on a range of lengths, as in the paper.

    Args:
        seq_len: Symbols, at least 1.
        label: last, after or every.

    Raises:
        ValueError: `seq_len` is no whole number from 1, or `label` none of these.
    """

    labels_at: ClassVar[tuple[str, ...]] = ("last", "after", "every")

    @property
    def symbols(self) -> tuple[str, ...]:
        return "0", "1"

    @property
    def class_names(self) -> tuple[str, ...]:
        return "even", "odd"

    def read(self, draws: Draws) -> tuple[Tensor, Tensor]:
        shown = draws.integers(0, 2, self.seq_len)
        return shown, shown ^ shown[:, :1]

    @property
    def chain(self) -> LabelledChain:
        """Of the first and the present symbol: 00, 01, 10, 11."""
        first = np.array([0.5, 0.0, 0.0, 0.5])
        moves = np.kron(np.eye(2), np.full((2, 2), 0.5))
        return LabelledChain(first, moves, np.array([0, 1, 1, 0]))
