"""What a task on arrays finds in its data, so that a saved model needs them no more."""

from typing import Any

from rnnlab.tasks.array_data import ArrayData
from rnnlab.tasks.labels import check_classes, class_names
from rnnlab.tasks.scale import Scale, check_scale
from rnnlab.tasks.windows import Windows

FOUND = {
    "class": ("mean", "scale", "classes"),
    "value": ("mean", "scale", "target_mean", "target_scale"),
    "next": ("mean", "scale"),
}
"""The fields that are found, for each target."""


def find(data: ArrayData, standardize: bool, windows: Windows | None) -> dict[str, tuple]:
    """The fields of the training split.

    Args:
        data: Of the file.
        standardize: Whether mean and scale are those of the data; otherwise they are 0 and 1.
        windows: Of a series.

    Raises:
        ValueError: The training sequences have one class, or what is to be told is always the same.
    """
    train = windows.steps("train") if windows else data.numbers["train"]
    mean, variance = data.moments(train)
    found: dict[str, tuple] = dict(
        zip(FOUND["next"], Scale.of(mean, variance, standardize), strict=True)
    )
    if data.target == "class":
        return found | {"classes": class_names(data.targets[train])}
    if data.target == "value":
        values = data.values[train]
        off = values - values[0]  # which is 0, and not a rounding error, where they are all equal
        mean, variance = values[0] + off.mean(axis=0), off.var(axis=0)
        of_targets = Scale.of(mean, variance, standardize)
        found |= dict(zip(FOUND["value"][2:], of_targets, strict=True))
    if not variance.any():
        raise ValueError("what is to be told is always the same in the training split")
    return found


def check_given(target: str, given: dict[str, Any]) -> None:
    """Refuse some of what is found together where the rest is missing, or belongs to another target.

    Raises:
        ValueError: That names the field.
    """
    wanted = FOUND[target]
    for name, value in given.items():
        if (value is None) is (name in wanted):
            state = "missing" if value is None else "no part of them"
            raise ValueError(
                f"{name}={value} is {state}: {', '.join(wanted)} are found in the data of "
                f"target={target}; leave them null, or give them all"
            )
    check_scale(given["mean"], given["scale"])
    if target == "value":
        check_scale(given["target_mean"], given["target_scale"], "target_")
    if target == "class":
        check_classes(given["classes"])
