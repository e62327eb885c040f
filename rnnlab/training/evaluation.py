"""What a model is scored on: sequences of its task that it was never trained on."""

import itertools
import math
from collections.abc import Mapping
from functools import cached_property

from rnnlab.cells.sequence_model import SequenceModel
from rnnlab.foundation.statistics import wilson
from rnnlab.tasks import Task
from rnnlab.tasks.bias import Bias
from rnnlab.tasks.score import Score
from rnnlab.tasks.stream import Stream
from rnnlab.training.settings import EvalSettings

GROUP = (
    100  # sequences that share a length, where a task draws lengths: whatever `eval.batch_size` is
)
FRESH = {"test": 10_000, "val": 1000}
"""Sequences of an endless task, where `eval` says null."""


class Evaluation:
    """Scores models of one task, on a stream of its own for each of validation, confirmation and test.

    Sequence n is sequence n % 100 of batch n // 100 of its stream, so that how many are scored at once
    does not change which they are.

    Args:
        task: Gives the sequences and judges the answers.
        settings: How many sequences, and at which lengths besides the task's own.

    Raises:
        ValueError: For a length that the task refuses.
    """

    def __init__(self, task: Task, settings: EvalSettings) -> None:
        self.task, self.settings = task, settings
        self.at_lengths = {length: _at_length(task, length) for length in settings.lengths}

    def refuse_counts(self) -> None:
        """See that there are as many sequences as are asked for, and enough of them.

        Raises:
            ValueError: For more than a split has, or too few to show an error rate below the task's
                `solved_below`.
        """
        for each in (self.task, *self.at_lengths.values()):
            self._count(each, "test")
        self._count(self.task, "val")
        if self.task.solved_below is not None:
            _refuse_too_few(*self._confirming, self.task.solved_below)

    @cached_property
    def num_val(self) -> int:
        """Sequences of a validation."""
        return self._count(self.task, "val")

    def _count(self, task: Task, split: str) -> int:
        """How many sequences a score of a split is taken on.

        Raises:
            ValueError: If it has fewer than are asked for.
        """
        key = "sequences" if split == "test" else "val_sequences"
        asked, has = getattr(self.settings, key), task.num_sequences(split)
        if asked is None:
            return FRESH[split] if has is None else has
        if has is not None and asked > has:
            raise ValueError(f"eval.{key}={asked} is more than the {has} of the {split} split")
        return asked

    @property
    def _confirming(self) -> tuple[str, int]:
        """The key that counts the sequences on which the task is seen to be solved, and their number."""
        if self.task.num_sequences("val") is None:
            return "eval.sequences", self._count(self.task, "test")
        return "eval.val_sequences", self.num_val

    def validate(self, model: SequenceModel) -> dict[str, float]:
        """`val/loss`, `val/error` and the task's scores, on the same sequences every time."""
        score = Score()
        self._score(model, self.task, "val", self.num_val, score)
        return score.means("val")

    def error_at(self, model: SequenceModel, task: Task) -> float:
        """The error on validation sequences of the task at another length."""
        score = Score()
        self._score(model, task, "val", self.num_val, score)
        return score.means("val")["val/error"]

    def confirms_solved(self, model: SequenceModel) -> bool:
        """Whether sequences leave no doubt that the task is solved: as many fresh ones as the test's.

        Validation looks often, so that it would in the end be lucky. What counts is the upper end
        of Wilson's 95 % interval of the error rate on sequences of their own. A set of data has no fresh
        ones: there it is the interval of the validation split's own rate.
        """
        below, (_, count) = self.task.solved_below, self._confirming
        if below is None:
            return False
        score = Score()
        for start in range(0, count, self.settings.batch_size):
            self._add(model, self.task, "confirm", start, count, score)
            if score.sums["error"] >= count * below:
                return False
        return wilson(int(score.sums["error"]), count)[1] < below

    def test(self, model: SequenceModel) -> dict[str, float]:
        """`test/...`, with the loss over chance; whether the task is solved, if it says when; `length/<n>/...`."""
        metrics = self.test_on(model, self.task, "test")
        if self.task.solved_below is not None:
            metrics["test/solved"] = float(metrics["test/error"] < self.task.solved_below)
        for length, task in self.at_lengths.items():
            metrics |= self.test_on(model, task, f"length/{length}")
        return metrics

    def test_on(self, model: SequenceModel, task: Task, name: str) -> dict[str, float]:
        """`<name>/loss`, `<name>/error` and all else that a test gives, on another task of the same sizes.

        Of classes that is also `<name>/accuracy`, and `<name>/scaled_accuracy`: 0 at chance and 1 where all
        answers are right.
        """
        score, bias = Score(), Bias()
        self._score(model, task, "test", self._count(task, "test"), score, bias)
        metrics = score.means(name) | bias.means(name)
        if task.chance > 0:  # of the shortest sequences an answer may be known beforehand
            metrics[f"{name}/loss_over_chance"] = metrics[f"{name}/loss"] / task.chance
        by_chance = task.chance_accuracy
        if by_chance is not None and by_chance < 1:
            right = metrics[f"{name}/accuracy"]
            metrics[f"{name}/scaled_accuracy"] = (right - by_chance) / (1 - by_chance)
        return metrics

    def _score(
        self, model: SequenceModel, task: Task, stream: str, count: int, *scores: Score | Bias
    ) -> None:
        for start in range(0, count, self.settings.batch_size):
            self._add(model, task, stream, start, count, *scores)

    def _add(
        self,
        model: SequenceModel,
        task: Task,
        stream: str,
        start: int,
        count: int,
        *scores: Score | Bias,
    ) -> None:
        """Score the sequences from number `start` on that are scored at once, of `count` in all."""
        settings, weight = self.settings, next(model.parameters())
        source = Stream(task, GROUP, settings.seed, stream)
        stop = min(start + settings.batch_size, count)
        for batch in source.sequences(start, stop, weight.device, weight.dtype):
            outputs, _ = model(batch.inputs, **batch.answered)
            for score in scores:
                score.add(task, outputs, batch.targets)


def rank(metrics: Mapping[str, float], solved: bool, sequences: int) -> float:
    """How good a validation is; lower is better.

    Solved comes before unsolved, then fewer wrong sequences, then a lower loss; one that is not
    finite comes last. Of a task that has no criterion the loss alone counts.

    Args:
        metrics: Of the validation.
        solved: Whether it shows the task solved.
        sequences: That it was taken on; 0 where the task has no criterion.
    """
    loss, wrong = metrics["val/loss"], round(metrics["val/error"] * sequences)
    if not math.isfinite(loss):
        return math.inf
    return wrong + loss / (1 + loss) - solved * (1 + sequences)


def _at_length(task: Task, seq_len: int) -> Task:
    try:
        return task.at_length(seq_len)
    except ValueError as error:
        raise ValueError(f"eval.lengths={seq_len}: {error}") from error


def _refuse_too_few(key: str, sequences: int, solved_below: float) -> None:
    if wilson(0, sequences)[1] >= solved_below:
        needed = next(n for n in itertools.count(sequences) if wilson(0, n)[1] < solved_below)
        raise ValueError(
            f"{key}={sequences} cannot show an error rate below {solved_below:.3g}: "
            f"at least {needed}"
        )
