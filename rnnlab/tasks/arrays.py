"""Time series from a file of the user's: tell the class, a value, or the next step."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from rnnlab.foundation.checks import check_bool, check_choice, check_int
from rnnlab.kernels.cross_entropy import cross_entropy
from rnnlab.kernels.squared_error import squared_error
from rnnlab.tasks.array_data import ArrayData, read_arrays
from rnnlab.tasks.array_found import FOUND, check_given, find
from rnnlab.tasks.array_levels import Levels, class_levels, next_levels, value_levels
from rnnlab.tasks.class_scores import mistaken, probabilities_off_by
from rnnlab.tasks.data_file import DataFile
from rnnlab.tasks.draws import Draws
from rnnlab.tasks.labels import class_numbers
from rnnlab.tasks.scale import Scale
from rnnlab.tasks.task import Batch, Task
from rnnlab.tasks.windows import Windows

FIELDS = tuple(dict.fromkeys(name for names in FOUND.values() for name in names))


@dataclass(frozen=True)
class Arrays(Task):
    """Tell of each time series in a file its class or a value, or of one long series the next step.

        target=class   2.0 2.5 3.1 3.3  -> up        a label for each sequence
        target=value   2.0 2.5 3.1 3.3  -> 3.9       one number, or several, for each sequence
        target=next    2.0 2.5 3.1 3.3               windows of one series, here of three steps
                    -> 2.5 3.1 3.3

    `read_arrays` says what the file holds. Where it names no split ("train", "val", "test"), it is 80, 10 and 10 %: of sequences by
    `split_examples`, of each class the same share; of one series the steps in order, by `Windows`. Inputs, and
    numbers that are to be told, have the mean of the training split taken off and are divided by its
    standard deviation; losses are in these units.

    Inputs are (batch, seq_len, features). Targets are class numbers (batch, 1), numbers (batch, 1, k), or
    the next steps (batch, seq_len, features). The loss is the cross-entropy or the mean squared error.
    Where one number is told at a step, `absolute_error` is in the units of the file.

    Chance is, on the test split, the cross-entropy of the training split's shares of the classes, or the squared
    error of the training split's mean. The baseline "last value" is the squared error of telling the last
    step again. A sequence is wrong where its class is; where its squared error is not below that of the
    mean (value); or where over its steps but the first it is not below that of the last value (next).

    Args:
        path: The file, or the folder; it has to be given.
        target: class, value or next.
        seq_len: Steps in a sequence. None: all that the file has; fewer are the last ones of each sequence. Of
            a series it has to be given, at least 2.
        standardize: Take off the mean, and divide by the deviation.
        classes: Found in the data, as are all below: the labels, in order.
        mean: What is taken off each feature.
        scale: What each feature is divided by.
        target_mean: What is taken off each number that is to be told.
        target_scale: What it is divided by.

    Raises:
        ValueError: An argument is wrong, or the file is not as above.
    """

    solved_below: ClassVar[None] = None  # pyrefly: ignore[bad-override]

    path: str | None = None
    target: str = "class"
    seq_len: int | None = None  # pyrefly: ignore[bad-override]
    standardize: bool = True
    classes: tuple[str, ...] | None = None
    mean: tuple[float, ...] | None = None
    scale: tuple[float, ...] | None = None
    target_mean: tuple[float, ...] | None = None
    target_scale: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        check_choice("target", self.target, FOUND)
        check_bool("standardize", self.standardize)
        if self.seq_len is not None:
            check_int("seq_len", self.seq_len, 2 if self.target == "next" else 1)
        elif self.target == "next":
            raise ValueError(
                "seq_len=None: a series is cut into sequences of seq_len steps, at least 2"
            )
        given = {name: getattr(self, name) for name in FIELDS}
        if any(value is not None for value in given.values()):
            check_given(self.target, given)
        else:
            given |= self._found()
        for name, value in given.items():  # a list, where it is read from a config
            object.__setattr__(self, name, None if value is None else tuple(value))

    def _found(self) -> dict[str, Any]:
        data, windows = self._data, self._windows if self.target == "next" else None
        try:
            found = find(data, self.standardize, windows)
        except ValueError as error:
            raise ValueError(f"path={self.path}: {error}") from error
        if self.seq_len is None:
            object.__setattr__(self, "seq_len", data.inputs.shape[1])
        return found

    @cached_property
    def _data(self) -> ArrayData:
        if self.path is None:
            raise ValueError("path=None: a file .npz, .csv or .parquet, or a folder of .npy")
        data = read_arrays(self.path, self.target)
        *_, steps, features = (0, *data.inputs.shape)
        if self.target != "next" and self.seq_len is not None and self.seq_len > steps:
            raise ValueError(f"seq_len={self.seq_len} is too long: sequences have {steps} steps")
        if self.mean is not None and len(self.mean) != features:
            raise ValueError(
                f"path={self.path}: it has {features} features, and mean {len(self.mean)}"
            )
        return data

    @cached_property
    def _windows(self) -> Windows:
        return Windows(len(self._data.inputs), self._steps, shares=(80, 10))

    @property
    def _steps(self) -> int:
        assert self.seq_len is not None
        return self.seq_len

    @cached_property
    def _scale(self) -> Scale:
        assert self.mean is not None
        assert self.scale is not None
        return Scale(self.mean, self.scale)

    @cached_property
    def _told_scale(self) -> Scale:
        """Of the numbers that are to be told."""
        if self.target_mean is None or self.target_scale is None:
            return self._scale
        return Scale(self.target_mean, self.target_scale)

    @property
    def input_size(self) -> int:
        return len(self._scale.mean)

    @property
    def output_size(self) -> int:
        return len(self.classes or self._told_scale.mean)

    @property
    def class_names(self) -> tuple[str, ...] | None:
        return self.classes

    @property
    def answers_once(self) -> bool:
        return self.target != "next"

    @property
    def data(self) -> tuple[DataFile, ...]:
        return self._data.arrays.files

    @property
    def from_data(self) -> dict[str, Any]:
        found = {name: list(getattr(self, name)) for name in FOUND[self.target]}
        return {"seq_len": self.seq_len, **found}

    def num_sequences(self, split: str) -> int:
        return (
            self._windows.count(split) if self.target == "next" else len(self._data.numbers[split])
        )

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
    def chance_error(self) -> float | None:
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

    def at_length(self, seq_len: int) -> Self:
        changed = replace(self, seq_len=seq_len)
        changed._data  # noqa: B018 which refuses more steps than there are
        return changed
