"""Counting, as the languages a^n b^n and a^n b^n c^n of Gers & Schmidhuber (2001) ask for it."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from torch import Tensor

from rnnlab.foundation.checks import check_int
from rnnlab.tasks.batch import Batch
from rnnlab.tasks.draws import Draws
from rnnlab.tasks.one_hot import one_hot
from rnnlab.tasks.task import Task


@dataclass(frozen=True)
class SequentialCounting(Task):
    """Tell what may follow: as many b as there were a (Gers & Schmidhuber, 2001).

        input   S  a   a   a   b b b
        target  a  a,b a,b a,b b b T      n=3, num_symbols=2

    A string is S, then n times a, then n times b, and then, where num_symbols=3, n times c; T ends
    it and is not shown. n is each sequence's own, uniform from 1 to (seq_len - 1) // num_symbols.
    Shorter strings are followed by zeros, at which nothing is asked.

    Inputs are one-hot, (batch, seq_len, num_symbols + 1), S before the letters. Targets are (batch,
    seq_len, num_symbols + 1), 1 for the letters, or T, that may follow and 0 for the others: after
    each a another a, or b; after b as many b as there were a, and then what comes next. Outputs
    pass a logistic function, and say that a symbol may follow where they are above 1/2.

    The loss is the squared error of the units, their mean over the steps of a string. A string is
    wrong where any symbol is told wrongly at any of its steps, as in the paper, which has n from 1
    to 10 and more.

    Chance knows the step and no symbol. With m the probability that a symbol may follow at a step,
    each string weighted by 1 over its number of steps, it has the error m (1 - m) of that unit;
    these are added. It is wrong about all n for which it is wrong at any step.

    Args:
        seq_len: Steps of the longest string, at least 2 num_symbols + 1, where n is 1 or 2.
        num_symbols: 2 for a^n b^n, 3 for a^n b^n c^n.

    Raises:
        ValueError: `num_symbols` is neither, `seq_len` no whole number or too short for it.
    """

    seq_len: int = 21  # pyrefly: ignore[bad-override]
    num_symbols: int = 2

    def __post_init__(self) -> None:
        check_int("num_symbols", self.num_symbols, 2, 3)
        check_int("seq_len", self.seq_len, 1)
        shortest = 2 * self.num_symbols + 1  # n is 1 or 2
        if self.seq_len < shortest:
            raise ValueError(
                f"seq_len={self.seq_len} is too short for num_symbols={self.num_symbols}: "
                f"at least {shortest}"
            )

    @property
    def largest(self) -> int:
        """The largest n."""
        return (self.seq_len - 1) // self.num_symbols

    @property
    def input_size(self) -> int:
        return self.num_symbols + 1

    @property
    def output_size(self) -> int:
        return self.num_symbols + 1

    @property
    def class_names(self) -> tuple[str, ...]:
        return *"abc"[: self.num_symbols], "T"

    def probabilities(self, outputs: Tensor) -> Tensor:
        return outputs.sigmoid()

    @property
    def chance(self) -> float:
        following, weights = self._all_strings()
        likely = self._likely(following, weights)
        per_step = (likely * (1 - likely)).mean(axis=1)
        return float((weights.sum(axis=0) * per_step).sum())

    @property
    def chance_error(self) -> float:
        following, weights = self._all_strings()
        told = self._likely(following, weights) > 0.5
        wrong = (told != (following > 0.5)).any(axis=2) & (weights > 0)
        return float(wrong.any(axis=1).mean())

    def _all_strings(self) -> tuple[np.ndarray, np.ndarray]:
        """What may follow, (n, step, symbol), and how much each step counts, (n, step)."""
        following = self._following(torch.arange(1, self.largest + 1).unsqueeze(1)).double().numpy()
        asked = following.any(axis=2)
        return following, asked / asked.sum(axis=1, keepdims=True) / self.largest

    def _likely(self, following: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """How likely each symbol may follow at a step, (step, symbol)."""
        total = weights.sum(axis=0)[:, None]
        return (weights[:, :, None] * following).sum(axis=0) / np.where(total > 0, total, 1)

    def _following(self, counts: Tensor) -> Tensor:
        """Targets of strings with such n, (strings, 1)."""
        steps = torch.arange(self.seq_len, device=counts.device)
        after, classes = steps // counts, self.num_symbols + 2  # the last one for no symbol
        after = after.where(steps <= self.num_symbols * counts, classes - 1)
        legal = one_hot(after, classes)[:, :, :-1]
        legal[:, :, 0] = steps <= counts  # after the last a, too: n is not known before the first b
        legal[:, :, 1] += (steps > 0) & (steps < counts)
        return legal

    def sample(self, draws: Draws) -> Batch:
        counts = draws.integers(1, self.largest + 1, 1)
        steps, classes = torch.arange(self.seq_len, device=draws.device), self.num_symbols + 2
        shown = (steps + counts - 1) // counts  # 0 for S, then 1 n times, 2 n times, ...
        shown = shown.clamp(max=classes - 1)
        inputs = one_hot(shown, classes)[:, :, :-1]
        return Batch(inputs.contiguous(), self._following(counts))

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        asked = targets.sum(dim=2).clamp(max=1)
        squared = (outputs.sigmoid() - targets).square().mean(dim=2)
        return ((squared * asked).sum(dim=1) / asked.sum(dim=1)).mean()

    def errors(self, outputs: Tensor, targets: Tensor) -> Tensor:
        wrong = ((outputs > 0) != (targets > 0.5)) | outputs.isnan()
        return (wrong.any(dim=2) & (targets > 0.5).any(dim=2)).any(dim=1)

    def lags(self, batch: Batch) -> Tensor:
        return (batch.targets > 0.5).any(dim=2).sum(
            dim=1
        ) - 2  # from the first a to the last letter

    def at_length(self, seq_len: int) -> Self:
        return replace(self, seq_len=seq_len)
