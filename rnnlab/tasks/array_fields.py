"""The fields of a task on arrays: the user's choices, and what is found in the data."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from rnnlab.foundation.checks import check_bool, check_choice, check_int
from rnnlab.tasks.array_data import ArrayData, read_arrays
from rnnlab.tasks.array_found import FOUND, check_given, find
from rnnlab.tasks.data_file import DataFile
from rnnlab.tasks.scale import Scale
from rnnlab.tasks.task import Task
from rnnlab.tasks.windows import Windows

FIELDS = tuple(dict.fromkeys(name for names in FOUND.values() for name in names))


@dataclass(frozen=True)
class ArrayFields(Task):
    """What `Arrays` is made with. Where what is found in the data is given, making it reads no data.

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
            self._refuse_unscaled(given)
        else:
            given |= self._found()
        if self.seq_len is None:
            object.__setattr__(self, "seq_len", self._data.inputs.shape[1])
        for name, value in given.items():  # a list, where it is read from a config
            object.__setattr__(self, name, None if value is None else tuple(value))

    def _refuse_unscaled(self, given: dict[str, Any]) -> None:
        """A model has learnt numbers of one scale, and is shown them by it."""
        if not self.standardize and (any(given["mean"]) or {*given["scale"]} != {1.0}):
            raise ValueError("standardize=False: the numbers were learnt with standardize=true")

    def _found(self) -> dict[str, Any]:
        data, windows = self._data, self._windows if self.target == "next" else None
        try:
            if windows is None and self.seq_len is not None:
                data.refuse_shared(self.seq_len)
            return find(data, self.standardize, windows)
        except ValueError as error:
            raise ValueError(f"path={self.path}: {error}") from error

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
        return Scale.found(self.mean, self.scale)

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

    @property
    def continues(self) -> bool:
        return self.target == "next"

    def num_sequences(self, split: str) -> int:
        return (
            self._windows.count(split) if self.target == "next" else len(self._data.numbers[split])
        )
