"""Counter-based streams of batches: sequence r of batch t is a function of (seed, stream, t, r) alone.

Nothing has to be stored to go on where a run stopped, runs that share a seed see the same batches
whatever their cell, and no stream can repeat a sequence of another.
"""

import functools
import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence

import torch

from rnnlab.foundation.checks import check_choice, check_int, check_seed
from rnnlab.tasks.batch import Batch
from rnnlab.tasks.draws import Draws, UnequalLengthsError
from rnnlab.tasks.philox import STREAMS, Part, Words
from rnnlab.tasks.task import Task

# Numbers in the inputs that are drawn together: what fits the caches of a CPU; much for a GPU, where the calls cost.
AT_ONCE = {"cpu": 2**19, "cuda": 2**22}


class Lengths:
    """The task at the length of each batch: all from `shortest` to its own are equally likely.

    The length of batch t is a function of t alone, so that all seeds see the same lengths.

    Args:
        task: Whose sequences are no longer than its own.
        shortest: The least `seq_len`.

    Raises:
        ValueError: The task refuses `shortest`, or is shorter itself.
    """

    def __init__(self, task: Task, shortest: int) -> None:
        if shortest > task.seq_len:
            raise ValueError(f"at most {task.seq_len}, the seq_len of the task")
        self.task, self.shortest = task, shortest
        self._words = Words(0, "length")
        self._at_length = functools.cache(task.at_length)
        self._at_length(shortest)

    def __getitem__(self, batch: int) -> Task:
        choices = self.task.seq_len - self.shortest + 1
        return self._at_length(self.shortest + (self._words[batch] * choices >> 32))


class Stream:
    """The endless batches of one task under one seed.

    Args:
        task: What to sample.
        batch_size: Sequences a batch.
        seed: Which world; 0 to 2**32 - 1.
        stream: "train", "val", "confirm", "test" or "diagnostics"; they share no random number.
        shortest: Each batch draws its `seq_len` from here up to the task's; None: all have the task's.
        in_order: Whether row r of batch t + 1 goes on where row r of batch t ended, but where a pass begins.

    Raises:
        ValueError: For a batch size below 1, a seed out of range, an unknown stream, or as `Lengths`; in order, for a
            task that does not continue, and for fewer than two batches a pass.
    """

    def __init__(
        self,
        task: Task,
        batch_size: int,
        seed: int,
        stream: str,
        shortest: int | None = None,
        in_order: bool = False,
    ) -> None:
        self.task = task
        self.lengths = None if shortest is None else Lengths(task, shortest)
        self.batch_size = check_int("batch_size", batch_size, minimum=1)
        self.seed = check_seed("seed", seed)
        self.stream = check_choice("stream", stream, STREAMS)
        self.in_order = in_order
        if in_order:
            self._refuse_order()

    @property
    def pass_batches(self) -> int:
        """Batches, in order, after which every row has come to the end of what it reads."""
        return (self.task.num_sequences("train") or 0) // self.batch_size

    def _refuse_order(self) -> None:
        name = type(self.task).__name__
        if not self.task.continues:
            raise ValueError(f"no sequence of {name} goes on where another ends")
        if self.pass_batches < 2:
            raise ValueError(
                f"batch_size={self.batch_size} is too large for the "
                f"{self.task.num_sequences('train')} training sequences of {name}: each row reads two or more"
            )

    def batch(
        self, step: int, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
    ) -> Batch:
        """Batch number `step`: the same numbers on every device."""
        return next(self.batches(step, step + 1, device, dtype))

    def batches(
        self,
        start: int,
        stop: int,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> Iterator[Batch]:
        """The batches from number `start` up to `stop`, many of them drawn at once."""
        device = torch.device(device)
        numbers = self.batch_size * self.task.seq_len * self.task.input_size
        few = max(1, AT_ONCE["cuda" if device.type == "cuda" else "cpu"] // numbers)
        for first in range(start, stop, few):
            steps = range(first, min(first + few, stop))
            parts = [Part(step, 0, self.batch_size) for step in steps]
            made = {part.batch: batch for part, batch in self._made(parts, device, dtype)}
            yield from (made[step] for step in steps)

    def sequences(
        self,
        start: int,
        stop: int,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> Iterator[Batch]:
        """The sequences from number `start` up to `stop` of all batches one after another.

        They come as one batch where their lengths are equal, and otherwise as one for each length.
        """
        size, parts = self.batch_size, []
        while start < stop:
            batch, first = divmod(start, size)
            parts.append(Part(batch, first, min(size - first, stop - start)))
            start += parts[-1].count
        for _, batch in self._drawn(parts, torch.device(device), dtype):
            yield batch

    def _by_task(self, parts: list[Part]) -> list[tuple[Task, list[Part]]]:
        if self.lengths is None:
            return [(self.task, parts)]
        tasks = {part.batch: self.lengths[part.batch] for part in parts}
        alike = defaultdict(list)
        for part in parts:
            alike[tasks[part.batch].seq_len].append(part)
        return [(tasks[some[0].batch], some) for some in alike.values()]

    def _made(
        self, parts: list[Part], device: torch.device, dtype: torch.dtype
    ) -> Iterator[tuple[Part, Batch]]:
        for together, batch in self._drawn(parts, device, dtype):
            counts = [part.count for part in together]
            split = zip(*(tensor.split(counts) for tensor in batch), strict=True)
            yield from zip(together, (Batch(*each) for each in split), strict=True)

    def _drawn(
        self, parts: list[Part], device: torch.device, dtype: torch.dtype
    ) -> Iterator[tuple[Sequence[Part], Batch]]:
        """One batch of all parts; where their lengths differ, one of those of each length."""
        # Other devices may have no double precision, which normal numbers are made in.
        source = device if device.type == "cuda" else torch.device("cpu")
        draws = Draws(self.seed, self.stream, parts, source, self.batch_size, self.in_order)
        for task, alike in self._by_task(parts):
            for together, batch in _sampled(task, draws.only(alike)):
                inputs, targets, lengths = batch.inputs, batch.targets, batch.lengths
                kind = dtype if targets.is_floating_point() else targets.dtype
                there = None if lengths is None else lengths.to(device)
                yield together, Batch(inputs.to(device, dtype), targets.to(device, kind), there)


def _sampled(task: Task, draws: Draws) -> Iterator[tuple[Sequence[Part], Batch]]:
    """One batch of all, or, where the task draws other lengths for some, one of those of each length."""
    try:
        batches = [(draws.parts, task.sample(draws))]
    except UnequalLengthsError as unequal:
        alike = defaultdict(list)
        for part, length in zip(draws.parts, unequal.lengths, strict=True):
            alike[length].append(part)
        batches = itertools.chain(*(_sampled(task, draws.only(some)) for some in alike.values()))
    yield from batches
