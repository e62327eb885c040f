"""What a task draws its sequences from: random numbers that are each sequence's own."""

import copy
import itertools
import math
from collections.abc import Sequence
from typing import Self

import numpy as np
import torch
from torch import Tensor

from rnnlab.foundation.checks import check_choice, check_int
from rnnlab.tasks.normal import normals
from rnnlab.tasks.philox import STREAMS, Pages, Part, Words, order
from rnnlab.tasks.tracks import Tracks

WIDEST = 2**31 - 1  # of `integers`, so that its products fit 63 bits


SPLITS = {
    "train": "train",
    "val": "val",
    "confirm": "val",
    "diagnostics": "val",
    "test": "test",
}
"""Which part of a finite data set the sequences of a stream are from."""


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
        batch_size: Sequences of a whole batch; None: there is no batch but number 0.
        in_order: Whether row r of a training batch goes on where row r of the batch before ended.

    Attributes:
        sequences: How many there are in all.
        device: Where all tensors of a batch are to be.
    """

    def __init__(
        self,
        seed: int,
        stream: str,
        parts: Sequence[Part],
        device: torch.device | str = "cpu",
        batch_size: int | None = None,
        in_order: bool = False,
    ) -> None:
        self.seed = check_int("seed", seed, 0, 2**63 - 1)
        self.stream = check_choice("stream", stream, STREAMS)
        self.parts, self.device = parts, torch.device(device)
        self.batch_size = batch_size
        self.tracks = (
            Tracks(seed, check_int("batch_size", batch_size or 0, 1)) if in_order else None
        )
        self.sequences = sum(part.count for part in parts)
        self._pages = Pages(seed, stream, parts, self.device)
        self._rows = [slice(None)]
        self._read = self._lengths = 0

    @property
    def split(self) -> str:
        """Of a finite data set, the part that the sequences are from: "train", "val" or "test"."""
        return SPLITS[self.stream]

    def examples(self, n: int) -> Tensor:
        """Which of the n examples of `split` each sequence is; (sequences,), on the CPU, where data lie.

        All batches one after another are an endless row, in which sequence r of batch t stands at
        place t batch_size + r. In training n places are an epoch, which has each example once, in an order of
        its own: a function of (seed, epoch), so that no order is stored. Other streams have the examples in
        the order that they have in the data, each once; diagnostics begin again after the last.

        Training batches in order have them by `Tracks`, so that row r goes from example to example.

        Raises:
            ValueError: For a place behind the last example of a validation or a test.
        """
        places = self._places()
        check_int("n", n, minimum=1)
        if self.tracks is not None:
            return torch.from_numpy(self.tracks.examples(places, n))
        if self.stream == "train":
            epochs, places = np.divmod(places, n)
            found = np.empty_like(places)
            for epoch in np.unique(epochs):
                now = epochs == epoch
                found[now] = order(self.seed, "epoch", int(epoch), n)[places[now]]
            return torch.from_numpy(found)
        if self.stream != "diagnostics" and places.max(initial=0) >= n:
            raise ValueError(
                f"sequence {places.max()} of {self.split} is asked for, and it has {n}"
            )
        return torch.from_numpy(places % n)

    def shifts(self, high: int, n: int) -> np.ndarray:
        """A number from 0 to `high` - 1 for each sequence, (sequences,): how much later its example of n begins.

        In order, all sequences of a pass have the same one, so that they stay side by side.
        """
        if self.tracks is None:
            return self.integers(0, high).cpu().numpy()
        return self.tracks.shifts(self._places(), n, high)

    def _places(self) -> np.ndarray:
        """Where each sequence stands in the row of all batches."""
        if self.batch_size is None and any(part.batch for part in self.parts):
            raise ValueError("the place of a sequence in later batches goes by batch_size")
        size = self.batch_size or 0
        starts = [part.batch * size + part.first for part in self.parts]
        counts = [part.count for part in self.parts]
        rows = [np.arange(s, s + c) for s, c in zip(starts, counts, strict=True)]
        return np.concatenate(rows) if rows else np.empty(0, np.int64)

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
