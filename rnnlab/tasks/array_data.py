"""Labelled sequences, or one long series, that were read from a file and found to be sound."""

import functools
import os
import stat
from collections.abc import Iterator
from functools import cached_property
from hashlib import blake2b
from pathlib import Path

import numpy as np

from rnnlab.foundation.files import why_unread
from rnnlab.foundation.here import here
from rnnlab.tasks.array_files import SequenceArrays, read_folder, read_npz
from rnnlab.tasks.array_tables import read_table
from rnnlab.tasks.labels import class_names, class_numbers
from rnnlab.tasks.splits import members, split_examples

READERS = {".npz": read_npz, ".csv": read_table, ".parquet": read_table}
AT_ONCE = 2**22
"""Numbers that are looked at together, of arrays that may be larger than memory."""


def read_arrays(path: str, target: str) -> "ArrayData":
    """What a file has for a target: class, value or next.

    - data.npz has the arrays inputs (sequences, seq_len, features), targets (sequences,) or, of several
      numbers, (sequences, k), and perhaps split (sequences,), texts of "train", "val" and "test". It is an archive,
      and read whole.
    - A folder has the same as inputs.npy, targets.npy and perhaps split.npy. They are read by memory map, so that
      they may be larger than memory.
    - data.csv or data.parquet has a row for each step: `read_table`. It is read whole.

    For target=next there is one series, inputs (steps, features), and nothing else.

    Raises:
        ValueError: It is not what it should be; that names `path`.
    """
    where = here() / path
    try:
        found = os.stat(where)  # noqa: PTH116 one call for all that tells one state from another
        folder = stat.S_ISDIR(found.st_mode)
        if not folder and where.suffix not in READERS:
            known = ", ".join(READERS)
            raise ValueError(f"its name ends in none of {known}, and it is no folder of .npy")
        if not folder and not stat.S_ISREG(found.st_mode):
            raise ValueError("it is no regular file")
        return _read(where, target, _state(where, found))
    except OSError as error:
        raise ValueError(f"path={path} cannot be read: {why_unread(error)}") from error
    except ValueError as error:
        raise ValueError(f"path={path}: {error}") from error


def _state(where: Path, found: os.stat_result) -> tuple[int, ...]:
    """What tells one state of a file from another, or of the files in a folder."""
    files = [each.stat() for each in sorted(where.glob("*.npy"))]
    return tuple(n for f in (found, *files) for n in (f.st_size, f.st_mtime_ns, f.st_ino))


@functools.lru_cache(maxsize=4)
def _read(where: Path, target: str, _of: tuple[int, ...]) -> "ArrayData":
    """Of a file in one state: a process that has read it need not read it again."""
    read = READERS.get(where.suffix, read_folder) if where.is_file() else read_folder
    return ArrayData(read(where, target == "next"), target)


class ArrayData:
    """Sequences with a class or with numbers each, or the steps of a series.

    Args:
        arrays: As they were read.
        target: class, value or next.

    Raises:
        ValueError: A number is not finite, targets are not what `target` says, a split has fewer than
            two sequences, a class does not occur in training, or one sequence is in two splits.
    """

    def __init__(self, arrays: SequenceArrays, target: str) -> None:
        self.arrays, self.target = arrays, target
        self.inputs = arrays.inputs
        self._refuse_infinite()
        if target == "next":
            return
        self.targets = _targets(arrays, target)
        self.split = arrays.split
        if self.split is None:
            alike = self.targets if target == "class" else np.zeros(len(self.inputs))
            self.split = split_examples(alike)
        self.numbers = members(self.split)
        if target == "class":
            class_numbers(self.targets, class_names(self.targets[self.numbers["train"]]))
        self.refuse_shared(self.inputs.shape[1])

    def moments(self, rows: np.ndarray | range) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance of each feature over some rows, which are sequences or steps of a series.

        The variance of a feature that never changes is 0, without a rounding error.
        """
        first = next(self._chunks(rows))[0].copy()  # of x - x there is no rounding error
        total = np.zeros(self.inputs.shape[-1])
        squares, count = total.copy(), 0
        # Twice through the data: a difference of large sums would lose the digits of small ones.
        for chunk in self._chunks(rows):
            total += (chunk - first).sum(axis=0)
            count += len(chunk)
        mean = first + total / count
        for chunk in self._chunks(rows):
            squares += np.square(chunk - mean).sum(axis=0)
        return mean, squares / count

    def squared_steps(self, rows: range) -> np.ndarray:
        """Of a series, the mean over some steps of (x_t - x_{t-1})^2, of each feature."""
        total = np.zeros(self.inputs.shape[-1])
        few = max(1, AT_ONCE // self.inputs.shape[-1])
        for start in range(rows.start, rows.stop, few):
            stop = min(start + few, rows.stop)
            total += np.square(
                np.diff(self.inputs[start - 1 : stop].astype(np.float64), axis=0)
            ).sum(0)
        return total / len(rows)

    def _chunks(self, rows: np.ndarray | range) -> Iterator[np.ndarray]:
        """The steps of some rows, (steps, features) in double precision, some of them at a time."""
        few = max(1, AT_ONCE // int(np.prod(self.inputs.shape[1:])))
        for start in range(0, len(rows), few):
            some = rows[start : start + few]
            chunk = (
                self.inputs[some.start : some.stop]
                if isinstance(some, range)
                else self.inputs[some]
            )
            yield np.asarray(chunk, np.float64).reshape(-1, self.inputs.shape[-1])

    def _refuse_infinite(self) -> None:
        per_row = int(np.prod(self.inputs.shape[1:]))
        few = max(1, AT_ONCE // per_row)
        for start in range(0, len(self.inputs), few):
            chunk = np.asarray(self.inputs[start : start + few], np.float64)
            wrong = np.argwhere(~np.isfinite(chunk))
            if len(wrong):
                row, *rest = (int(n) for n in wrong[0])
                value = chunk[(row, *rest)]
                raise ValueError(
                    f"{self._place(row + start, rest)}: {value} is not a finite number"
                )

    def _place(self, row: int, rest: list[int]) -> str:
        """Of a number, for messages."""
        if self.target == "next":
            return f"step {row}, feature {rest[0]}"
        return f"sequence {self.arrays.name(row)}, step {rest[0]}, feature {rest[1]}"

    def refuse_shared(self, seq_len: int) -> None:
        """Raises ValueError for two sequences in two splits whose last `seq_len` steps, those shown, are equal.

        What was learnt of one would count as foreseen of the other.
        """
        assert self.split is not None
        of_them = "" if seq_len == self.inputs.shape[1] else f"the last {seq_len} steps of "
        seen: dict[bytes, int] = {}
        for number, inputs in enumerate(self.inputs):
            shown = np.ascontiguousarray(inputs[-seq_len:])
            digest = blake2b(shown.tobytes(), digest_size=16).digest()
            first = seen.setdefault(digest, number)
            if self.split[first] != self.split[number]:
                raise ValueError(
                    f"{of_them}sequences {self.arrays.name(first)} and {self.arrays.name(number)} are equal, and "
                    f"in {self.split[first]} and {self.split[number]}: a split shares none with another"
                )

    @cached_property
    def values(self) -> np.ndarray:
        """The numbers to tell of each sequence, (sequences, numbers) in double precision."""
        return np.asarray(self.targets, np.float64).reshape(len(self.inputs), -1)


def _targets(arrays: SequenceArrays, target: str) -> np.ndarray:
    """Labels, (sequences,), or numbers, (sequences, numbers)."""
    targets = arrays.targets
    assert targets is not None
    if target == "class":
        if targets.ndim != 1 or targets.dtype.kind not in "iubU":
            given = f"{targets.dtype} {targets.shape}"
            raise ValueError(
                f"targets are {given}: classes are whole numbers or text, one a sequence"
            )
        return np.asarray(targets)
    if targets.ndim not in (1, 2) or targets.dtype.kind not in "fiu":
        given = f"{targets.dtype} {targets.shape}"
        raise ValueError(f"targets are {given}: values are numbers, one or more a sequence")
    wrong = np.argwhere(~np.isfinite(targets))
    if len(wrong):
        name, value = arrays.name(int(wrong[0][0])), targets[tuple(wrong[0])]
        raise ValueError(f"target of sequence {name}: {value} is not a finite number")
    return np.asarray(targets)
