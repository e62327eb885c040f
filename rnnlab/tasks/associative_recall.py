"""Multi-query associative recall, MQAR (Arora et al., 2023)."""

import math
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional as F

from rnnlab.foundation.checks import check_bool, check_float, check_int
from rnnlab.tasks.batch import Batch
from rnnlab.tasks.class_scores import mistaken
from rnnlab.tasks.draws import Draws
from rnnlab.tasks.one_hot import one_hot
from rnnlab.tasks.task import Task

BLANK = 0
UNASKED = -100
"""The target of a step at which nothing is asked."""


@dataclass(frozen=True)
class AssociativeRecall(Task):
    """Learn pairs of a key and a value, then tell the value of each key that comes (Arora et al., 2023).

        input   a C b D . . b . . . a .      num_pairs=2, seq_len=12
        target          . . D . . . C .

    First come `num_pairs` different keys, each with its value, all of them different too. The steps behind these
    are in places of two. At the first step of some of the places a key comes again, each of them once, and the
    answer there is its value. The other steps are blank (.), or random symbols of all with `random_fill`, and
    nothing is asked there. Place n = 1, 2, ... is chosen with a weight of n^(power - 1), among those still free:
    most queries come early and a few late, and with power=1 every place is equally likely.

    Arora et al. have 8192 symbols, half of them values, with 4 to 64 pairs in 64 to 512 steps, and random_fill.
    With few symbols a random key is no rarity; so blank steps are the default here.

    Inputs are (batch, seq_len, 1 + num_keys + num_values), one-hot: the blank, keys, values. Targets are class numbers
    of the values, (batch, seq_len - 2 num_pairs), -100 where nothing is asked. The loss is the mean cross-entropy
    of the answers. Chance is ln(num_values), and right in 1 / num_values. A sequence is wrong where any answer
    is; as all values differ, one answer throughout is right once at most.

    Args:
        seq_len: Steps, at least 4 num_pairs; an odd last one is a step of nothing.
        num_pairs: Keys to hold, at least 1.
        num_keys: Different keys, at least num_pairs.
        num_values: Different values, at least num_pairs and 2.
        power: Of the places of the queries, above 0; the paper has 0.01.
        random_fill: Whether random symbols stand where nothing is asked.

    Raises:
        ValueError: A number is none, or out of bounds; `random_fill` is no bool.
    """

    seq_len: int = 64  # pyrefly: ignore[bad-override]
    num_pairs: int = 4
    num_keys: int = 32
    num_values: int = 32
    power: float = 0.01
    random_fill: bool = False

    def __post_init__(self) -> None:
        check_int("num_pairs", self.num_pairs, 1)
        check_int("seq_len", self.seq_len, 1)
        if self.seq_len < 4 * self.num_pairs:
            raise ValueError(
                f"seq_len={self.seq_len} is too short for num_pairs={self.num_pairs}: "
                f"at least {4 * self.num_pairs}"
            )
        check_int("num_keys", self.num_keys, self.num_pairs)
        check_int("num_values", self.num_values, max(self.num_pairs, 2))
        check_float("power", self.power, above=0.0)
        check_bool("random_fill", self.random_fill)

    @property
    def input_size(self) -> int:
        return 1 + self.num_keys + self.num_values

    @property
    def output_size(self) -> int:
        return self.num_values

    @property
    def chance(self) -> float:
        return math.log(self.num_values)

    @property
    def chance_accuracy(self) -> float:
        return 1 / self.num_values

    @property
    def chance_error(self) -> float:
        return 1 - 1 / self.num_values if self.num_pairs == 1 else 1.0

    @property
    def answers_once(self) -> bool:
        return self.seq_len == 2 * self.num_pairs + 1

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple(map(str, range(self.num_values)))

    def sample(self, draws: Draws) -> Batch:
        pairs, learnt = self.num_pairs, 2 * self.num_pairs
        keys = 1 + draws.permutation(self.num_keys)[:, :pairs]
        values = draws.permutation(self.num_values)[:, :pairs]
        asked_at = learnt + 2 * self._places(draws)
        shown = torch.full((draws.sequences, self.seq_len), BLANK, device=draws.device)
        if self.random_fill:
            shown = draws.integers(0, self.input_size, self.seq_len)
        shown[:, 0:learnt:2], shown[:, 1:learnt:2] = keys, 1 + self.num_keys + values
        shown.scatter_(1, asked_at, keys)
        targets = torch.full_like(shown, UNASKED).scatter_(1, asked_at, values)[:, learnt:]
        inputs = one_hot(shown, self.input_size)
        return Batch(inputs, targets.contiguous())

    def _places(self, draws: Draws) -> Tensor:
        """Of the key of each pair, from 0; (sequences, num_pairs).

        The first of several clocks, which run at the speeds of the weights, rings by these weights, and so
        does the next among the others.
        """
        count = self.seq_len // 2 - self.num_pairs
        places = torch.arange(1, count + 1, device=draws.device)
        rings = -torch.log1p(-draws.uniform(count)) * places ** (1 - self.power)
        return rings.argsort(dim=1, stable=True)[:, : self.num_pairs]

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(outputs.flatten(0, 1), targets.flatten(), ignore_index=UNASKED)

    def errors(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return (mistaken(outputs, targets) & (targets != UNASKED)).any(dim=1)

    def position_errors(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """In the order of the queries."""
        asked = targets != UNASKED
        return _rows(mistaken(outputs, targets)[asked], asked)

    def off_by(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Of the probability of each value, at the queries."""
        asked = targets != UNASKED
        off_by = outputs[asked].softmax(dim=1) - F.one_hot(targets[asked], self.num_values)
        return _rows(off_by, asked)

    def probabilities(self, outputs: Tensor) -> Tensor:
        return outputs.softmax(dim=2)

    def at_length(self, seq_len: int) -> Self:
        return replace(self, seq_len=seq_len)


def _rows(answered: Tensor, asked: Tensor) -> Tensor:
    """The answers of all sequences as a row for each.

    Raises:
        ValueError: If one has more answers than another, as the last steps alone may have.
    """
    counts = asked.sum(dim=1)
    if (counts != counts[0]).any():
        raise ValueError(
            f"targets: sequences have {counts.tolist()} answers, and all must have as many"
        )
    return answered.unflatten(0, (len(asked), int(counts[0])))
