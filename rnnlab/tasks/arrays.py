"""Time series from a file of the user's: tell the class, a value, or the next step."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
import torch
from torch import Tensor

from rnnlab.kernels.cross_entropy import cross_entropy
from rnnlab.kernels.squared_error import squared_error
from rnnlab.tasks.array_fields import ArrayFields
from rnnlab.tasks.array_levels import Levels, class_levels, next_levels, value_levels
from rnnlab.tasks.batch import Batch
from rnnlab.tasks.class_scores import mistaken, probabilities_off_by
from rnnlab.tasks.draws import Draws
from rnnlab.tasks.labels import class_numbers
from rnnlab.tasks.scale import Scale


@dataclass(frozen=True)
class Arrays(ArrayFields):
    """Tell of each time series in a file its class or a value, or of one long series the next step.

        target=class   2.0 2.5 3.1 3.3  -> up        a label for each sequence
        target=value   2.0 2.5 3.1 3.3  -> 3.9       one number, or several, for each sequence
        target=next    2.0 2.5 3.1 3.3               windows of one series, here of three steps
                    -> 2.5 3.1 3.3

    `read_arrays` says what the file holds. Where it names no split ("train", "val", "test"), it is 80, 10
    and 10 %: of sequences by `split_examples`, of each class the same share; of one series the steps in
    order, by `Windows`. Inputs, and numbers that are to be told, have the mean of the training split taken
    off and are divided by its standard deviation; losses are in these units.

    Inputs are (batch, seq_len, features). Targets are class numbers (batch, 1), numbers (batch, 1, k), or
    the next steps (batch, seq_len, features). The loss is the cross-entropy or the mean squared error.
    Where one number is told at a step, `absolute_error` is in the units of the file.

    Chance is, on the test split, the cross-entropy of the training split's shares of the classes, or the squared
    error of the training split's mean. The baseline "last value" is the squared error of telling the last
    step again. A sequence is wrong where its class is; where its squared error is not below that of the
    mean (value); or where over its steps but the first it is not below that of the last value (next).

    `ArrayFields` says what its arguments are.
    """

    @cached_property
    def _levels(self) -> Levels:
        if self.classes:
            return class_levels(self._data, self.classes)
        if self.target == "next":
            return next_levels(self._data, self._windows, self._scale)
        return value_levels(self._data, self._told_scale)

    @property
    def chance(self) -> float:
        return self._levels.chance

    @property
    def chance_error(self) -> float:
        return self._levels.chance_error

    @property
    def baselines(self) -> dict[str, float]:
        return self._levels.baselines

    def sample(self, draws: Draws) -> Batch:
        data = self._data
        if self.target == "next":
            steps = self._windows.starts(draws)[:, None] + np.arange(self._steps + 1)
            shown = self._scale(data.inputs[steps]).to(draws.device)
            return Batch(shown[:, :-1].contiguous(), shown[:, 1:].contiguous())
        numbers = data.numbers[draws.split]
        rows = numbers[draws.examples(len(numbers)).numpy()]
        inputs = self._scale(data.inputs[rows, -self._steps :])
        if self.classes:
            told = torch.from_numpy(class_numbers(data.targets[rows], self.classes))
        else:
            told = self._told_scale(data.values[rows])
        return Batch(inputs.to(draws.device), told.unsqueeze(1).to(draws.device))

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return (cross_entropy if self.classes else squared_error)(outputs, targets)

    def errors(self, outputs: Tensor, targets: Tensor) -> Tensor:
        if self.classes:
            return mistaken(outputs, targets)[:, 0]
        if self.target == "next":
            outputs, blind, targets = outputs[:, 1:], targets[:, :-1], targets[:, 1:]
        else:
            assert self._levels.mean is not None
            blind = self._levels.mean.to(targets)
        error = (outputs - targets).square().flatten(1).mean(dim=1)
        return ~(error < (blind - targets).square().flatten(1).mean(dim=1))  # NaN is wrong, too

    def scores(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        if self.classes or self.output_size > 1:
            return {}
        off_by = (outputs - targets).abs().flatten(1).mean(dim=1)
        return {"absolute_error": self._told_scale.deviation[0] * off_by}

    def off_by(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return probabilities_off_by(outputs, targets) if self.classes else outputs - targets

    def probabilities(self, outputs: Tensor) -> Tensor | None:
        return outputs.softmax(dim=2) if self.classes else None

    @property
    def input_scale(self) -> Scale:
        return self._scale

    @property
    def answer_scale(self) -> Scale | None:
        return None if self.classes else self._told_scale

    def at_length(self, seq_len: int) -> Self:
        changed = replace(self, seq_len=seq_len)
        changed.num_sequences("test")  # which refuses more steps than there are
        return changed
