"""Answers as tables: a row a step, `outputs.0`, `outputs.1` and so on, after the sequence and the step."""

import csv
import io
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO

import numpy as np
import pyarrow as pa
from pyarrow import csv as arrow_csv
from pyarrow import parquet

from rnnlab.prediction.writer import Writer

ROWS = 2**16
"""Of a group in a .parquet file."""


class TableWriter(Writer):
    """What is the same for both formats.

    Args:
        class_names: By which columns of probabilities are called; None: by their number.
    """

    def __init__(self, class_names: Sequence[str] | None) -> None:
        self._class_names = class_names
        self._name = ""

    def begin(self, name: str) -> None:
        self._name = name

    def add(self, first: int, arrays: Mapping[str, np.ndarray]) -> None:
        steps = len(arrays["outputs"])
        columns = {
            "sequence": pa.array([self._name] * steps, pa.string()),
            "step": np.arange(first, first + steps),
        }
        for key, array in arrays.items():
            if array.ndim == 1:
                columns[key] = pa.array(array.tolist(), pa.string())
                continue
            flat = array.reshape(steps, -1)
            for k, label in enumerate(self._labels(key, flat.shape[1])):
                columns[f"{key}.{label}"] = flat[:, k]
        self._write(pa.record_batch(columns))

    def _labels(self, key: str, width: int) -> Sequence[object]:
        named = key == "probabilities" and self._class_names is not None
        return self._class_names if named else range(width)  # pyrefly: ignore[bad-return]

    @abstractmethod
    def _write(self, batch: pa.RecordBatch) -> None:
        """Of rows that follow those before."""

    def end(self) -> None:
        pass


class CsvWriter(TableWriter):
    """Comma-separated values, UTF-8; what is added is written at once.

    Args:
        file: A file or a pipe.
        class_names: As for every table.
    """

    def __init__(self, file: IO[bytes], class_names: Sequence[str] | None) -> None:
        super().__init__(class_names)
        self._file = file
        self._rows: arrow_csv.CSVWriter | None = None

    def _write(self, batch: pa.RecordBatch) -> None:
        if self._rows is None:
            header = io.StringIO()
            csv.writer(header, lineterminator="\n").writerow(batch.schema.names)
            self._file.write(header.getvalue().encode())
            options = arrow_csv.WriteOptions(include_header=False)
            self._rows = arrow_csv.CSVWriter(self._file, batch.schema, write_options=options)
        self._rows.write_batch(batch)
        self._file.flush()

    def close(self) -> None:
        self._file.flush()


class ParquetWriter(TableWriter):
    """The same table as Parquet.

    Args:
        file: That can be gone back in.
        class_names: As for every table.
    """

    def __init__(self, file: IO[bytes], class_names: Sequence[str] | None) -> None:
        super().__init__(class_names)
        self._file = file
        self._table: parquet.ParquetWriter | None = None
        self._batches: list[pa.RecordBatch] = []
        self._rows = 0

    def _write(self, batch: pa.RecordBatch) -> None:
        self._batches.append(batch)
        self._rows += batch.num_rows
        if self._rows >= ROWS:
            self._write_group()

    def _write_group(self) -> None:
        if self._table is None:
            self._table = parquet.ParquetWriter(self._file, self._batches[0].schema)
        if self._batches:
            self._table.write_table(pa.Table.from_batches(self._batches))
        self._batches, self._rows = [], 0

    def close(self) -> None:
        self._write_group()
        assert self._table is not None
        self._table.close()

    def drop(self) -> None:
        if self._table is not None:
            with suppress(OSError, pa.ArrowException):  # as of a full disk
                self._table.close()
