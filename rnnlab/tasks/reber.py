"""The embedded Reber grammar, the first experiment of Hochreiter & Schmidhuber (1997)."""

import functools
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from torch import Tensor

from rnnlab.foundation.checks import check_int
from rnnlab.tasks import reber_grammar
from rnnlab.tasks.batch import Batch
from rnnlab.tasks.draws import WIDEST, Draws
from rnnlab.tasks.logistic_units import units_off_by
from rnnlab.tasks.one_hot import one_hot
from rnnlab.tasks.reber_grammar import SHORTEST, SYMBOLS
from rnnlab.tasks.task import Task


@dataclass(frozen=True)
class Reber(Task):
    """Tell what may come next in an embedded Reber grammar (Hochreiter & Schmidhuber, 1997).

        string    B T  B T  X  S E T E
        input     B T  B T  X  S E T
        target    T B  T X  S  E T E
        may come  T B  T S  X  E T E
                  P    P X  S

    A string is B T ... T E or B P ... P E with a string of the Reber grammar between: after B there
    follows T S...S X or P T...T V, and from X and V on what the grammar's graph has
    (`reber_grammar`). Where two symbols may come, each does with probability 1/2. The last but one
    is the second again: that is to be remembered.

    All symbols but the last are shown, and the next is told at every step. The sequences of a batch
    are strings of one length, which is drawn as strings of at least seq_len + 1 symbols have it;
    with seq_len=8, the shortest, they are strings of the grammar as it is. The paper trains on 256
    strings and tests on 256 others.

    Inputs are one-hot, B T P S X V E, (batch, steps, 7); targets class numbers, (batch, steps).
    Outputs pass a logistic function, and the loss is the mean squared error of all units at all
    steps. It cannot be 0, as of two symbols that may come one does.

    A string is wrong where at any step the units of the symbols that may come next are not the most
    active ones: no other unit may be as active as one of them. `accuracy` is the share of steps
    that are right.

    Chance knows the step, and how likely each symbol is at it, m: it has the error m (1 - m) of
    that unit. A string of n steps counts 1/n at each of them, both in m and in the sum.

    Args:
        seq_len: Steps of the shortest string, at least 8.

    Raises:
        ValueError: `seq_len` is no whole number, or too small.
    """

    seq_len: int = SHORTEST - 1  # pyrefly: ignore[bad-override]

    def __post_init__(self) -> None:
        check_int("seq_len", self.seq_len, SHORTEST - 1)

    @property
    def input_size(self) -> int:
        return len(SYMBOLS)

    @property
    def output_size(self) -> int:
        return len(SYMBOLS)

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple(SYMBOLS)

    def probabilities(self, outputs: Tensor) -> Tensor:
        return outputs.sigmoid()

    def encode_text(self, text: str) -> Tensor:
        for letter in text:
            if letter not in SYMBOLS:
                raise ValueError(f"{letter!r} is no symbol of the grammar: {', '.join(SYMBOLS)}")
        return _one_hot(torch.tensor([SYMBOLS.index(letter) for letter in text], dtype=torch.int64))

    @property
    def chance(self) -> float:
        return _chance(self.seq_len + 1)

    def sample(self, draws: Draws) -> Batch:
        length = self._length(draws)
        choices = draws.uniform(length).unbind(dim=1)
        tables = (
            reber_grammar.first_branch(length).astype(np.float32),
            reber_grammar.BRANCH_STATES.ravel(),
            reber_grammar.BRANCH_SYMBOLS.ravel(),
        )
        first, following, symbols = (torch.from_numpy(t).to(draws.device) for t in tables)
        state = torch.zeros(draws.sequences, dtype=torch.int64, device=draws.device)
        taken = []
        for place, choice in enumerate(choices):
            second = choice >= first[length - place].take(state)
            taken.append(2 * state + second)  # which branch, of which state
            state = following.take(taken[-1])
        strings = symbols.take(torch.stack(taken, dim=1))
        return Batch(_one_hot(strings[:, :-1]), strings[:, 1:].contiguous())

    def _length(self, draws: Draws) -> int:
        """Symbols of the strings of a batch."""
        share = draws.length(0, WIDEST) / WIDEST
        up_to = np.cumsum(reber_grammar.lengths(self.seq_len + 1))[:-1]
        return self.seq_len + 1 + int(np.searchsorted(up_to, share, side="right"))

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return units_off_by(outputs, targets).square().mean()

    def errors(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return self.position_errors(outputs, targets).any(dim=1)

    def position_errors(self, outputs: Tensor, targets: Tensor) -> Tensor:
        legal = self.legal(targets)
        least = outputs.masked_fill(~legal, torch.inf).amin(dim=2)
        most = outputs.masked_fill(legal, -torch.inf).amax(dim=2)
        return ~(least > most)  # NaN is wrong, too

    def legal(self, targets: Tensor) -> Tensor:
        """Which symbols may come next, of strings that are B and these targets; (batch, steps, 7)."""
        following = torch.from_numpy(reber_grammar.NEXT.ravel()).to(targets.device)
        states = [torch.full_like(targets[:, 0], reber_grammar.AFTER_B)]
        for symbols in targets.unbind(dim=1)[:-1]:
            states.append(following.take(states[-1] * len(SYMBOLS) + symbols))
        legal = torch.from_numpy(reber_grammar.LEGAL).to(targets.device)
        return legal[torch.stack(states, dim=1)]

    def off_by(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return units_off_by(outputs, targets)

    def lags(self, batch: Batch) -> Tensor:
        lag = batch.inputs.size(1) - 2  # from the second symbol
        return torch.full_like(batch.targets[:, 0], lag)

    def at_length(self, seq_len: int) -> Self:
        return replace(self, seq_len=seq_len)


def _one_hot(symbols: Tensor) -> Tensor:
    return one_hot(symbols, len(SYMBOLS))


@functools.lru_cache
def _chance(shortest: int) -> float:
    """Of strings of at least so many symbols."""
    likely = reber_grammar.lengths(shortest)
    steps = shortest + len(likely) - 2  # of the longest string
    counts, told = np.zeros((steps, 1)), np.zeros((steps, len(SYMBOLS)))
    for more, probability in enumerate(likely):
        length = shortest + more
        weight = probability / (length - 1)
        counts[: length - 1] += weight
        told[: length - 1] += weight * reber_grammar.step_probabilities(length)[1:]
    return float((told * (1 - told / counts)).sum() / len(SYMBOLS))
