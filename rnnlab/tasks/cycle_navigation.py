"""Cycle navigation: where a walk on a circle has come to (Deletang et al., 2022)."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from torch import Tensor

from rnnlab.foundation.checks import check_int
from rnnlab.tasks.draws import Draws
from rnnlab.tasks.labelled_chain import LabelledChain
from rnnlab.tasks.labelling import Labelling

MOST_POSITIONS = 720


@dataclass(frozen=True)
class CycleNavigation(Labelling):
    """Tell where on a circle of five positions a walk has come to (Deletang et al., 2022).

        input   +1 -1  0 -1 -1
        label    1  0  0  4  3     the position so far, from 0 on; the last is the answer

    Each symbol, -1, 0 or +1 with equal chance, is a step on the circle. `label` is last, after or every, as for
    parity. Inputs are (batch, seq_len, 3), or (batch, seq_len + 1, 4) for `after`; targets are class numbers,
    (batch, 1) or (batch, seq_len).

    Chance is the entropy of where the walk is: it begins at ln 3, after one step, and comes to ln 5, with
    one in five right, in some twenty.

    Args:
        seq_len: Symbols, at least 1.
        label: last, after or every.
        num_positions: On the circle, 3 to 720; the papers have 5.

    Raises:
        ValueError: A number is none, or out of bounds, or `label` is none of these.
    """

    labels_at: ClassVar[tuple[str, ...]] = ("last", "after", "every")

    num_positions: int = 5

    def __post_init__(self) -> None:
        super().__post_init__()
        check_int("num_positions", self.num_positions, 3, MOST_POSITIONS)

    @property
    def symbols(self) -> tuple[str, ...]:
        return "-1", "0", "+1"

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple(map(str, range(self.num_positions)))

    def read(self, draws: Draws) -> tuple[Tensor, Tensor]:
        shown = draws.integers(0, 3, self.seq_len)
        return shown, (shown - 1).cumsum(dim=1) % self.num_positions

    @property
    def chain(self) -> LabelledChain:
        places = np.arange(self.num_positions)
        return LabelledChain.walk(
            (places[:, None] + places) % self.num_positions, np.array([-1, 0, 1])
        )
