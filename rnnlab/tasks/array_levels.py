"""What knowing no more than the training split's shares, mean or last value is worth on arrays' test split."""

from typing import NamedTuple

import numpy as np
from torch import Tensor

from rnnlab.tasks.array_data import AT_ONCE, ArrayData
from rnnlab.tasks.labels import blind_cross_entropy, blind_error, class_numbers
from rnnlab.tasks.scale import Scale
from rnnlab.tasks.windows import Windows


class Levels(NamedTuple):
    """The levels of one task.

    Attributes:
        chance: The loss of the best blind answer.
        chance_error: Its error.
        mean: The best blind answer of numbers, in the units of the loss; None of classes.
        baselines: Further losses by name.
    """

    chance: float
    chance_error: float
    mean: Tensor | None
    baselines: dict[str, float]


def class_levels(data: ArrayData, classes: tuple[str, ...]) -> Levels:
    """Of labelled sequences: the training split's shares, and its most frequent class."""
    train, test = (
        class_numbers(data.targets[data.numbers[split]], classes) for split in ("train", "test")
    )
    return Levels(blind_cross_entropy(train, test), blind_error(train, test), None, {})


def value_levels(data: ArrayData, scale: Scale) -> Levels:
    """Of numbers to be told of each sequence: the training split's mean, which is never below itself.

    Args:
        data: Of the file.
        scale: Of the numbers.
    """
    train, test = (data.values[data.numbers[split]] for split in ("train", "test"))
    blind = train.mean(axis=0)
    chance = np.square((test - blind) / scale.deviation).mean()
    return Levels(float(chance), 1.0, scale(blind), {})


def next_levels(data: ArrayData, windows: Windows, scale: Scale) -> Levels:
    """Of the next step of a series: the training split's mean, and the step before.

    Args:
        data: Of the file.
        windows: Of the series.
        scale: Of the features.
    """
    told = windows.answers("test")
    blind = data.moments(windows.steps("train"))[0]
    middle, variance = data.moments(told)
    # E (x - m)^2 = Var x + (E x - m)^2
    chance = ((variance + np.square(middle - blind)) / np.square(scale.deviation)).mean()
    last = (data.squared_steps(told) / np.square(scale.deviation)).mean()
    error = _not_below_last(data, windows, blind, scale)
    return Levels(float(chance), error, scale(blind), {"last value": float(last)})


def _not_below_last(data: ArrayData, windows: Windows, blind: np.ndarray, scale: Scale) -> float:
    """The share of windows where the mean's squared error is not below the last value's, but for their first step."""
    told, length = windows.answers("test"), windows.seq_len
    few = length * max(1, AT_ONCE // (length * data.inputs.shape[1]))
    wrong = 0
    for start in range(told.start, told.stop, few):
        steps = (
            data.inputs[start : min(start + few, told.stop)].astype(np.float64) / scale.deviation
        )
        steps = steps.reshape(-1, length, data.inputs.shape[1])
        off = np.square(steps - blind / scale.deviation)[:, 1:].mean(axis=(1, 2))
        last = np.square(np.diff(steps, axis=1)).mean(axis=(1, 2))
        wrong += int((~(off < last)).sum())
    return wrong / windows.count("test")
