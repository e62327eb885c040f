"""What a task draws its sequences from: random numbers that are each sequence's own."""

import copy
import itertools
import math
from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor

from rnnlab.foundation.checks import check_choice, check_int
from rnnlab.tasks.normal import normals
from rnnlab.tasks.philox import STREAMS, Pages, Part, Words

WIDEST = 2**31 - 1  # of `integers`, so that its products fit 63 bits


class UnequalLengthsError(Exception):
    """The batches that were to be drawn together have other lengths each."""

    def __init__(self, lengths: list[int]) -> None:
        super().__init__(f"these batches have lengths of their own: {lengths}")
        self.lengths = lengths


class Draws:
    """Random numbers for so many sequences at once, on their device.

    Each call gives the next numbers of every sequence, (sequences, *shape), from a counter of its own. So
    what sequence r of batch t gets is a function of (seed, stream, t, r) alone: the same bits on every device, in
    a batch of any size, beside other batches or alone.

    Args:
        seed: Which world; 0 to 2**63 - 1.
        stream: "train", "val", "confirm", "test", "diagnostics" or another of `STREAMS`; no two share a number.
        parts: Which sequences of which batches.
        device: Where the numbers are made: on the CPU by numpy, elsewhere by torch.

    Attributes:
        sequences: How many there are in all.
        device: Where all tensors of a batch are to be.
    """

    def __init__(
        self, seed: int, stream: str, parts: Sequence[Part], device: torch.device | str = "cpu"
    ) -> None:
        self.seed = check_int("seed", seed, 0, 2**63 - 1)
        self.stream = check_choice("stream", stream, STREAMS)
        self.parts, self.device = parts, torch.device(device)
        self.sequences = sum(part.count for part in parts)
        self._pages = Pages(seed, stream, parts, self.device)
        self._rows = [slice(None)]
        self._read = self._lengths = 0

    def only(self, parts: Sequence[Part]) -> Self:
        """From their first numbers on, the draws of some of these parts, which are made for all at once."""
        ends = itertools.accumulate(part.count for part in self._pages.parts)
        end = dict(zip(self._pages.parts, ends, strict=True))
        some = copy.copy(self)
        some.parts, some.sequences = parts, sum(part.count for part in parts)
        some._read = some._lengths = 0
        some._rows = []
        for part in parts:
            start = end[part] - part.count
            if some._rows and some._rows[-1].stop == start:
                start = some._rows.pop().start
            some._rows.append(slice(start, end[part]))
        return some

    def uniform(self, *shape: int) -> Tensor:
        """Numbers in [0, 1), multiples of 2^-24 in single precision."""
        count = math.prod(shape)
        halves = self._words((count + 1) // 2).view(torch.int32)[:, :count] >> 8
        numbers = halves.bitwise_and_(2**24 - 1).float().mul_(2.0**-24)
        return numbers.view(self.sequences, *shape)

    def integers(self, low: int | Tensor, high: int | Tensor, *shape: int) -> Tensor:
        """Whole numbers from `low` to `high` - 1, which may be tensors of one number a sequence.

        Each is as likely as any other, but for a share of (high - low) 2^-64.

        Raises:
            ValueError: Where `high` is not above `low`, or 2^31 or more above it.
        """
        low, high = (self._one_each(bound) for bound in (low, high))
        spans = high - low
        for span in spans.unique().tolist() if isinstance(spans, Tensor) else [spans]:
            if not 0 < span <= WIDEST:
                raise ValueError(f"integers have a range of {span}, high - low: 1 to {WIDEST}")
        words = self._words(math.prod(shape))
        upper, lower = (words >> 32) & 0xFFFFFFFF, words & 0xFFFFFFFF
        numbers = (upper * spans).add_((lower * spans) >> 32).bitwise_right_shift_(32)
        return numbers.add_(low).view(self.sequences, *shape)

    def normal(self, *shape: int) -> Tensor:
        """Normal numbers of mean 0 and variance 1, in single precision."""
        return normals(self._words(math.prod(shape))).view(self.sequences, *shape)

    def permutation(self, n: int) -> Tensor:
        """The numbers 0 to n - 1 in an order of each sequence's own."""
        return self._words(n).argsort(dim=1, stable=True)

    def length(self, low: int, high: int) -> int:
        """A length from `low` to `high` - 1, the same for every sequence of a batch and for every seed.

        Where batches are drawn together that have other lengths each, this raises what has them drawn
        apart: leave that error alone.
        """
        span = check_int("high - low", high - low, 1, WIDEST)
        self._lengths += 1
        if span == 1:
            return low
        # Pages of the stream of lengths that `Lengths` does not read, some for each call and stream.
        words = Words(0, "length", 256 * self._lengths + STREAMS[self.stream])
        lengths = [low + (words[part.batch] * span >> 32) for part in self.parts]
        if len(set(lengths)) > 1:
            raise UnequalLengthsError(lengths)
        return lengths[0]

    def _one_each(self, bound: int | Tensor) -> int | Tensor:
        if isinstance(bound, Tensor):
            if bound.shape != (self.sequences,):
                raise ValueError(
                    f"a bound is {tuple(bound.shape)}: a number, or ({self.sequences},)"
                )
            return bound.unsqueeze(1)
        return bound

    def _words(self, count: int) -> Tensor:
        """The next 64-bit words of every sequence, (sequences, count)."""
        start, self._read = self._read, self._read + count
        made = self._pages.up_to(self._read)
        some = [made[rows, start : self._read] for rows in self._rows]
        return some[0] if len(some) == 1 else torch.cat(some)
