"""Sequences from tables: a column a feature, a row a step, `sequence` the name of the sequence."""

import codecs
import csv
import itertools
from collections.abc import Iterator, Sequence
from typing import IO, NamedTuple

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from rnnlab.foundation.checks import did_you_mean
from rnnlab.prediction.inputs import InputsRefusedError
from rnnlab.prediction.source import InputSequence, Source, reading, steps_at_once

SEQUENCE = "sequence"


class _Rows(NamedTuple):
    """Some rows of a table."""

    names: list[str] | None  # of their sequences
    numbers: np.ndarray  # (rows, features)


def read_csv(file: IO[bytes], input_size: int, columns: Sequence[str] | None) -> Source:
    """Comma-separated values, UTF-8, with a row of names. A pipe's rows are read as they come."""
    lines = _lines(file)
    first = next(lines, [])
    if not first:
        raise InputsRefusedError("it is empty")
    header = _parsed(first[:1], 1)[0]
    chosen = _chosen(header, columns, input_size)
    return _source(header, _csv_rows(header, chosen, itertools.chain([first[1:]], lines)))


def read_parquet(file: IO[bytes], input_size: int, columns: Sequence[str] | None) -> Source:
    """The same table as Parquet."""
    with reading(".parquet file"):
        table = parquet.ParquetFile(file)
        header = [*table.schema_arrow.names]
    chosen = _chosen(header, columns, input_size)
    return _source(header, _parquet_rows(table, header, chosen))


def _chosen(header: list[str], columns: Sequence[str] | None, input_size: int) -> list[str]:
    """The columns of the features, in the order in which the model takes them."""
    if len({*header}) < len(header):
        raise InputsRefusedError("two of its columns have one name")
    chosen = [name for name in header if name != SEQUENCE] if columns is None else [*columns]
    for name in chosen:
        if name not in header:
            raise InputsRefusedError(f"it has no column {name}: {did_you_mean(name, header)}")
    if len(chosen) != input_size:
        said = ", ".join(chosen[:8]) + (", ..." if len(chosen) > 8 else "")
        raise InputsRefusedError(
            f"{len(chosen)} columns of features ({said}) are not the {input_size} that the model takes: "
            "columns=[NAME,NAME] chooses them"
        )
    return chosen


def _source(header: list[str], rows: Iterator[_Rows]) -> Source:
    several = SEQUENCE in header
    groups = itertools.groupby(_runs(rows), key=lambda run: run[0])
    sequences = (
        InputSequence(name, (numbers for _, numbers in runs)) for name, runs in _each_once(groups)
    )
    return Source(several, sequences)


def _each_once(
    groups: Iterator[tuple[str, Iterator[tuple[str, np.ndarray]]]],
) -> Iterator[tuple[str, Iterator[tuple[str, np.ndarray]]]]:
    """Refuses a sequence that comes again after another: it would be answered as two."""
    seen: set[str] = set()
    for name, runs in groups:
        if name in seen:
            raise InputsRefusedError(
                f"rows of sequence {name} come again after those of another: "
                "the rows of a sequence must stand together"
            )
        seen.add(name)
        yield name, runs
    if not seen:
        raise InputsRefusedError("it has no rows")


def _runs(rows: Iterator[_Rows]) -> Iterator[tuple[str, np.ndarray]]:
    """Rows that follow one another and are of one sequence."""
    for names, numbers in rows:
        if names is None:
            yield "0", numbers
            continue
        start = 0
        for name, same in itertools.groupby(names):
            count = sum(1 for _ in same)
            yield name, numbers[start : start + count]
            start += count


def _lines(file: IO[bytes]) -> Iterator[list[str]]:
    """Whole lines, as many as there are by now."""
    decoder, rest = codecs.getincrementaldecoder("utf-8-sig")(), ""
    more = True
    while more:
        data = file.read1(2**16)  # pyrefly: ignore[missing-attribute]  of what open() gives
        more = bool(data)
        with reading("UTF-8 text"):
            rest += decoder.decode(data, final=not more)
        *whole, rest = rest.split("\n")
        if not more and rest:
            whole.append(rest)
        if whole:
            yield whole


def _parsed(lines: list[str], first: int) -> list[list[str]]:
    """The values of each line."""
    try:
        rows = [*csv.reader(lines, strict=True)]
    except csv.Error as error:
        raise _misquoted(first, str(error)) from error
    if len(rows) != len(lines):
        raise _misquoted(first, "a line breaks within them")
    return rows


def _misquoted(line: int, why: str) -> InputsRefusedError:
    return InputsRefusedError(f"line {line} or one that follows has quotes that do not fit: {why}")


def _csv_rows(header: list[str], chosen: list[str], blocks: Iterator[list[str]]) -> Iterator[_Rows]:
    places = [header.index(name) for name in chosen]
    named = header.index(SEQUENCE) if SEQUENCE in header else None
    number, at_once = 2, steps_at_once(len(chosen))
    for block in blocks:
        for start in range(0, len(block), at_once):
            rows = _parsed(block[start : start + at_once], number)
            for offset, row in enumerate(rows):
                if len(row) != len(header):
                    raise InputsRefusedError(
                        f"line {number + offset} has {len(row)} values, and the header {len(header)}"
                    )
            names = None if named is None else [row[named] for row in rows]
            yield _Rows(names, _numbers(rows, places, header, number))
            number += len(rows)


def _numbers(
    rows: list[list[str]], places: list[int], header: list[str], number: int
) -> np.ndarray:
    try:
        return np.array([[row[k] for k in places] for row in rows], dtype=np.float64)
    except ValueError:
        for offset, row in enumerate(rows):
            for k in places:
                _refuse_text(row[k], f"line {number + offset}, column {header[k]}")
        raise


def _refuse_text(value: str, place: str) -> None:
    if not value.strip():
        raise InputsRefusedError(f"{place}: a value is missing")
    try:
        np.array(value, dtype=np.float64)
    except ValueError as error:
        raise InputsRefusedError(f"{place}: {value[:40]!r} is no number") from error


def _parquet_rows(
    table: parquet.ParquetFile, header: list[str], chosen: list[str]
) -> Iterator[_Rows]:
    for name in chosen:
        kind = table.schema_arrow.field(name).type
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
            raise InputsRefusedError(f"column {name} of type {kind} has no numbers")
    wanted = [*chosen, *([SEQUENCE] if SEQUENCE in header else [])]
    row = 0
    with reading(".parquet file"):
        for batch in table.iter_batches(steps_at_once(len(chosen)), columns=wanted):
            for name in wanted:
                if (column := batch.column(name)).null_count:
                    missing = row + column.is_null().to_pylist().index(True)
                    raise InputsRefusedError(f"row {missing}, column {name}: a value is missing")
            names = None
            if SEQUENCE in header:
                names = [str(name) for name in batch.column(SEQUENCE).to_pylist()]
            columns = [batch.column(name).to_numpy(zero_copy_only=False) for name in chosen]
            yield _Rows(names, np.stack(columns, axis=1))
            row += batch.num_rows
