"""Sequences and their targets from a table, a step a row: a .csv or a .parquet, which is read whole."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnlab.foundation.files import why_unread
from rnnlab.tasks.array_files import SequenceArrays
from rnnlab.tasks.data_file import DataFile

if TYPE_CHECKING:
    import pandas as pd


def read_table(path: Path, series: bool) -> SequenceArrays:
    """The sequences of a table.

        sequence  x     y     target  split
        a         0.1   2.0   up      train      a step of sequence a, of two features
        a         0.3   1.5   up      train
        b         0.2   1.0   down    test

    All columns but `sequence`, `target` (or several that begin with `target_`) and `split`, which may be
    missing, are features, in the order of the table. Their names are not kept: a table that a model is to answer
    has them in this order. A series has features alone. Rows keep their order, and are counted from 0, without the
    line of the names.

    Args:
        path: The file.
        series: It is to have one long series, and nothing else.

    Raises:
        ValueError: It is not what it should be; that names column and row, and not the file.
    """
    import pandas as pd  # which takes long

    try:
        csv = path.suffix == ".csv"
        frame = _read_csv(path, na_values=[""]) if csv else pd.read_parquet(path)
    except Exception as error:  # of pandas' and pyarrow's there are many kinds
        raise ValueError(f"it cannot be read: {why_unread(error)}") from error
    if csv:
        _refuse_doubled(path)
    if not len(frame):
        raise ValueError("it has no row")
    columns = [str(name) for name in frame.columns]
    targets = [name for name in columns if name == "target" or name.startswith("target_")]
    special = {"sequence", "split", *targets} & set(columns)
    if series:
        if special:
            raise ValueError(f"column {min(special)!r} has no place in one long series")
        return SequenceArrays(
            _numbers(frame, columns), None, None, (DataFile.of(path, len(frame)),)
        )
    for name in ("sequence", "target"):
        if name not in special and not (name == "target" and targets):
            raise ValueError(f"it has no column {name!r}, but {', '.join(columns)}")
    return _sequences(frame, targets, [n for n in columns if n not in special], path)


def _read_csv(path: Path, **options: Any) -> "pd.DataFrame":
    """Its texts as they stand there: NA may be the name of a class."""
    import pandas as pd

    return pd.read_csv(path, keep_default_na=False, **options)


def _refuse_doubled(path: Path) -> None:
    """Two columns of one name, of which pandas would call the second x.1."""
    names = _read_csv(path, header=None, nrows=1, dtype=str).iloc[0]
    if len(twice := names[names.duplicated()]):
        raise ValueError(f"two columns are called {twice.iloc[0]!r}")


def _sequences(
    frame: "pd.DataFrame", targets: list[str], features: list[str], path: Path
) -> SequenceArrays:
    """Of rows that belong to a sequence each."""
    if not features:
        raise ValueError("it has no column of a feature")
    _refuse_missing(frame)
    numbers, found = frame["sequence"].factorize()
    names = np.asarray(found)
    lengths = np.bincount(numbers)
    if lengths.min() < lengths.max():
        short, long = names[lengths.argmin()], names[lengths.argmax()]
        raise ValueError(
            f"sequence {short!r} has {lengths.min()} rows and {long!r} {lengths.max()}: "
            "sequences are of one length"
        )
    order = numbers.argsort(kind="stable").reshape(len(names), -1)

    def of_each(column: str) -> np.ndarray:
        """The value of a column that is the same in all rows of a sequence."""
        rows = frame[column].to_numpy()[order]
        other = np.argwhere(rows != rows[:, :1])
        if len(other):
            row = order[tuple(other[0])]
            raise ValueError(f"column {column!r}, row {row}: it changes within a sequence")
        return _plain(rows[:, 0])

    answers = [of_each(name) for name in targets]
    return SequenceArrays(
        _numbers(frame, features)[order],
        answers[0] if len(answers) == 1 else np.stack(answers, axis=1),
        of_each("split") if "split" in frame else None,
        (DataFile.of(path, len(names)),),
        names,
    )


def _plain(values: np.ndarray) -> np.ndarray:
    """Texts, which pandas keeps as objects, in a type of numpy's."""
    return values.astype(str) if values.dtype == object else values


def _refuse_missing(frame: "pd.DataFrame") -> None:
    missing = np.argwhere(frame.isna().to_numpy())
    if len(missing):
        row, column = missing[0]
        raise ValueError(f"column {str(frame.columns[column])!r}, row {row}: there is no value")


def _numbers(frame: "pd.DataFrame", columns: list[str]) -> np.ndarray:
    """Columns of numbers, (rows, columns) in double precision."""
    _refuse_missing(frame)
    for name in columns:
        if frame[name].dtype.kind not in "fiub":
            values = frame[name].tolist()
            row = next((n for n, value in enumerate(values) if not _is_number(value)), 0)
            raise ValueError(f"column {name!r}, row {row}: {values[row]!r} is not a number")
    return frame[columns].to_numpy(np.float64)


def _is_number(value: object) -> bool:
    try:
        return not math.isnan(float(str(value)))
    except ValueError:
        return False
