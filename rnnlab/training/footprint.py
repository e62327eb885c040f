"""How many bytes a run takes, as tries of few steps tell: of whatever cell and task it is.

What a gradient needs of each step grows with the steps alone, so that the tries grow until the memory that they take is
seen among all else that a process has, and the rest is a line through the last two.
"""

import copy
import itertools
import math
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from rnnlab.cells.cell import Cell
from rnnlab.cells.sequence_model import SequenceModel
from rnnlab.foundation.memory import peak, used
from rnnlab.tasks import Batch, Task
from rnnlab.tasks.bias import Bias
from rnnlab.tasks.draws import Draws
from rnnlab.tasks.philox import Part
from rnnlab.tasks.score import Score
from rnnlab.training.regularizer import NoRegularizer, Regularizer

FIRST = 16  # steps of the first try
SEEN, HARDLY = 64 * 2**20, 8 * 2**20  # bytes that stand out among what else a process does
SECONDS, LONGEST = 1.0, 10.0  # after which no longer try is made, and where it is hardly seen


@dataclass(frozen=True)
class Line:
    """Bytes that grow with a count: of steps, or of sequences."""

    fixed: float
    each: float

    def __call__(self, count: int) -> float:
        return self.fixed + self.each * count


def lines(taken: Callable[[int], Sequence[float]], most: int, first: int = FIRST) -> list[Line]:
    """Through what two counts take, the larger of them at most `most` and as small as will do."""
    began = time.perf_counter()
    count = min(first, max(2, most))
    half = count // 2
    taken(half)  # what a first call alone takes, as to compile a cell, is not looked at
    before, now = taken(half), taken(count)
    while max(now) < SEEN and 2 * count <= most:
        if time.perf_counter() - began > (SECONDS if max(now) > HARDLY else LONGEST):
            break
        half, count = count, 2 * count
        before, now = now, taken(count)
    found = []
    for one, two in zip(before, now, strict=True):
        each = max(0.0, (two - one) / (count - half))
        found.append(Line(max(0.0, two - each * count), each))
    return found


@dataclass(frozen=True)
class Footprint:
    """What a model's batches take on a device.

    Args:
        model: Of the run; what is tried is a copy.
        task: Of the run.
        device: That computes.
        dtype: Of the weights.
        mixed: In which operations are computed, as of torch.autocast.
    """

    model: SequenceModel
    task: Task
    device: torch.device
    dtype: torch.dtype
    mixed: Callable[[], AbstractContextManager[Any]]

    def drawing(self, sequences: int, seq_len: int) -> float:
        """Bytes of so many sequences, and of what they are drawn from."""

        def taken(count: int) -> list[float]:
            return [self._taken(lambda: self.task.sample(self._draws(count)))]

        (found,) = lines(taken, sequences)
        return found(sequences) * max(1.0, seq_len / self.task.seq_len)

    def of_update(self, batch_size: int, regularizer: Regularizer | None = None) -> Line:
        """Bytes that an update takes besides its batch, by the steps, with all of them kept."""

        def work(model: SequenceModel, batch: Batch) -> None:
            (regularizer or NoRegularizer()).backward(model, batch, self._of_length(batch).loss, {})

        return self._by_steps(batch_size, work, torch.enable_grad)

    def of_evaluation(self, batch_size: int) -> Line:
        """Bytes that it takes to score sequences, besides them, by the steps."""

        def work(model: SequenceModel, batch: Batch) -> None:
            outputs, _ = model(batch.inputs, **batch.answered)
            for score in (Score(), Bias()):
                score.add(self._of_length(batch), outputs, batch.targets)

        return self._by_steps(batch_size, work, torch.no_grad)

    def _of_length(self, batch: Batch) -> Task:
        """The task at the length of a try, for a loss may go by it; the run's own where it cannot be so short."""
        try:
            return self.task.at_length(batch.inputs.size(1))
        except ValueError:
            return self.task

    def truncated(self, update: Line, seq_len: int, tbptt: int) -> float:
        """Bytes of an update whose gradient ends at every so-many-th step: before the answers nothing is kept."""
        answers = self._one.targets.size(1)
        return update(min(seq_len, math.ceil(answers / tbptt) * tbptt))

    def recomputed(
        self, update: Line, batch_size: int, seq_len: int, recompute_steps: int
    ) -> float:
        """Bytes of an update with the states at every so-many-th step kept."""
        if recompute_steps >= seq_len:
            return update(seq_len)
        sample = self._batch(1, 2)
        with torch.no_grad():
            outputs, ends = copy.deepcopy(self.model).to(self.device, self.dtype)(sample.inputs)
        states = sum(t.nbytes for t in itertools.chain(*ends))
        answers = 4 * outputs[:, :1].nbytes if self._answers_all else 0
        above: list[Cell] = list(self.model.layers[1:])  # pyrefly: ignore[bad-assignment]
        dropped = sum(c.input_size for c in above) if self.model.dropout else 0
        parts = math.ceil(seq_len / recompute_steps)
        return update(recompute_steps) + batch_size * (
            parts * states + seq_len * (answers + dropped)
        )

    def _by_steps(
        self,
        batch_size: int,
        work: Callable[[SequenceModel, Batch], None],
        mode: Callable[[], AbstractContextManager[Any]],
    ) -> Line:
        model = copy.deepcopy(self.model).to(self.device, self.dtype)

        def run(steps: int) -> list[float]:
            batch = self._batch(batch_size, steps)
            with mode(), self.mixed(), torch.random.fork_rng(devices=[]):
                return [self._taken(lambda: work(model, batch))]

        (found,) = lines(run, self.task.seq_len)
        return found

    @property
    def _answers_all(self) -> bool:
        return self._one.targets.size(1) > self.task.seq_len // 2

    @cached_property
    def _one(self) -> Batch:
        return self.task.sample(self._draws(1))

    def _batch(self, batch_size: int, steps: int) -> Batch:
        """One sequence's last steps, so many times over."""
        inputs, targets, lengths = self._one.inputs, self._one.targets, self._one.lengths
        kind = self.dtype if targets.is_floating_point() else targets.dtype

        def spread(tensor: Tensor, dtype: torch.dtype) -> Tensor:
            return tensor[:, -steps:].to(self.device, dtype).repeat_interleave(batch_size, dim=0)

        shown = spread(inputs, self.dtype)
        if lengths is not None:  # which take more memory; of these few steps all are shown
            lengths = torch.full((batch_size,), shown.size(1), device=self.device)
        return Batch(shown, spread(targets, kind), lengths)

    def _draws(self, count: int) -> Draws:
        return Draws(0, "diagnostics", [Part(0, 0, count)], self._source)

    @property
    def _source(self) -> torch.device:
        return self.device if self.device.type == "cuda" else torch.device("cpu")

    def _taken(self, work: Callable[[], Any]) -> float:
        before = used(self.device)
        return max(0, peak(self.device, work) - before)
