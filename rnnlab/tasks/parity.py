"""Parity: whether an odd number of ones has come (Deletang et al., 2022)."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from torch import Tensor

from rnnlab.tasks.draws import Draws
from rnnlab.tasks.labelled_chain import LabelledChain
from rnnlab.tasks.labelling import Labelling


@dataclass(frozen=True)
class Parity(Labelling):
    """Tell whether the number of ones is odd (Deletang et al., 2022).

        input   1 0 1 0 1 0 0
        label   1 1 0 0 1 1 1      so far; the last is the answer: three ones, class 1

    Every symbol is 0 or 1 with equal chance. `label` says which labels are asked for:

    - last: that of the last symbol, when it is shown (Walker et al., 2025).
    - after: the same at an empty step after it, a third input (Deletang et al., 2022).
    - every: that of each symbol.

    Inputs are (batch, seq_len, 2), or (batch, seq_len + 1, 3) for `after`; targets are class numbers, (batch, 1) or
    (batch, seq_len). All labels are equally likely, so that chance is ln 2 and right in half of the steps.

    The papers train on a length that is drawn anew: from 1 to 40 (Deletang et al.), from 3 to 40 (Walker
    et al.): `train.min_seq_len=1 task.seq_len=40`. One flipped symbol flips the answer, so that sequences of one
    length alone give little to begin with.

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
        return shown, shown.cumsum(dim=1) % 2

    @property
    def chain(self) -> LabelledChain:
        return LabelledChain.walk(np.array([[0, 1], [1, 0]]), np.array([0, 1]))
