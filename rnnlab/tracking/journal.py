"""A run's metrics on the local disk: one JSON object a line, written as the numbers come.

    {"key": "train/loss", "value": 0.1672, "step": 50, "timestamp": 1767225600000, "crc32": 2414886171}

It is complete before any tracking server hears of a number, so that a server that is slow, down or
gone costs no point. Values are written with all their digits, and each line has a checksum of what
comes before it: CRC-32, which finds a changed digit for a few per cent of the time that it takes to
write or read the line. Lines of rnnlab 0.1 have none.
"""

import itertools
import json
import logging
import math
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from rnnlab.foundation.files import read_bytes, why_unread, write_bytes
from rnnlab.foundation.json_file import is_number

log = logging.getLogger(__name__)

MARK = b', "crc32": '
EVALUATED = "evaluated/"
"""How the names of metrics begin that a finished run was asked for, and would not have measured itself."""


class Point(NamedTuple):
    """One value of one metric."""

    key: str
    value: float
    step: int
    timestamp: int  # milliseconds since 1970


class Journal:
    """Appends to the file at `path`, made with its folder at the first point.

    Lines that a full disk does not take wait in memory, and go before the next.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.unwritten = b""
        self._whole = False
        self._warned = False

    def append(self, metrics: Mapping[str, float], step: int) -> list[Point]:
        """Write the metrics down under `step`; returns them as points."""
        now = int(time.time() * 1000)
        points = [Point(key, float(value), step, now) for key, value in metrics.items()]
        self.unwritten += b"".join(map(_line, points))
        self.write()
        return points

    def write(self) -> None:
        """What waits, as far as the disk takes it."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if not self._whole:
                self._make_whole()
            _append(self.path, self.unwritten)
        except OSError as error:
            if not self._warned:
                reason = error.strerror or error
                log.warning(
                    "%s cannot be written: its points wait in memory (%s)", self.path, reason
                )
            self._warned = True
        else:
            self.unwritten, self._warned = b"", False

    @property
    def waiting(self) -> int:
        """How many points the disk has not taken."""
        return self.unwritten.count(b"\n")

    def restore(self, lacking: Iterable[Point]) -> None:
        """Put back what a full disk has left out, where it would have been written.

        Raises:
            OSError: As the disk says; the file is as it was.
        """
        points = sorted([*self, *lacking], key=lambda point: point.timestamp)
        write_bytes(self.path, b"".join(map(_line, points)))

    def _make_whole(self) -> None:
        """A killed process may have left half a line, which the next point must not continue.

        And a file that has another name too, as `cp -l` gives it one, is another run's as well.
        """
        if self.path.exists():
            text = self.path.read_bytes()
            whole = text.rfind(b"\n") + 1
            if self.path.stat().st_nlink > 1:
                write_bytes(self.path, text[:whole])
            elif whole < len(text):
                os.truncate(self.path, whole)
        self._whole = True

    def forget_end(self, step: int) -> None:
        """Drop what was written of the end at `step`, after its validation: the run trains on.

        What the model of then has answered under a name of its own is still true of it.
        """
        points = list(self)
        validated = [n for n, p in enumerate(points) if p.step == step and p.key.startswith("val/")]
        last = max(validated, default=len(points))
        kept = [
            p
            for n, p in enumerate(points)
            if n <= last or p.step != step or p.key.startswith(EVALUATED)
        ]
        if len(kept) < len(points):
            write_bytes(self.path, b"".join(map(_line, kept)))

    def mend(self) -> str:
        """Leave the lines that are whole; the file as it was stays beside it.

        Returns:
            In words, which lines were not whole; empty where all were.

        Raises:
            ValueError: If the file cannot be read.
            OSError: If the disk is full.
        """
        points, damaged = [], []
        for number, line in self._lines():
            try:
                points.append(_point(line, ""))
            except ValueError:
                damaged.append(str(number))
        if not damaged:
            return ""
        names = (f"{self.path.name}.damaged-{n}" for n in itertools.count(1))
        kept = next(p for p in map(self.path.with_name, names) if not p.exists())
        write_bytes(self.path, b"".join(map(_line, points)), keep=kept)
        which = f"line {damaged[0]} is" if len(damaged) == 1 else f"lines {_few(damaged)} are"
        return (
            f"{self.path} is damaged: {which} left out, {len(points)} points are whole "
            f"({kept.name} is as it was)"
        )

    def __iter__(self) -> Iterator[Point]:
        """The points written so far; a last line that a killed process left incomplete is no point.

        Raises:
            ValueError: For any other line that is not a point, and if the file cannot be read.
        """
        for number, line in self._lines():
            yield _point(line, f"{self.path}, line {number}")

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        try:
            text = read_bytes(self.path) if self.path.exists() else b""
        except OSError as error:
            raise ValueError(f"{self.path} cannot be read: {why_unread(error)}") from error
        return enumerate(text.split(b"\n")[:-1], start=1)


def drop_seen(points: Iterable[Point], seen: set[tuple[str, int]]) -> Iterator[Point]:
    """Those whose key and step are not among `seen`, and are from now on."""
    for point in points:
        if (point.key, point.step) not in seen:
            seen.add((point.key, point.step))
            yield point


def newest_values(points: Iterable[Point], until: float = math.inf) -> dict[str, float]:
    """The newest value of each metric, as far as a step: what was written again counts."""
    newest: dict[str, Point] = {}
    for point in points:
        if newest.get(point.key, point).step <= point.step <= until:
            newest[point.key] = point
    return {key: point.value for key, point in newest.items()}


def _few(numbers: list[str], most: int = 3) -> str:
    """`3, 4, 9`, or `3, 4, 9 and 20 more`."""
    more = f" and {len(numbers) - most} more" if len(numbers) > most else ""
    return ", ".join(numbers[:most]) + more


def _line(point: Point) -> bytes:
    content = json.dumps(point._asdict()).encode()
    return b"%s%s%d}\n" % (content[:-1], MARK, crc32(content))


def _append(path: Path, data: bytes) -> None:
    """All of it or nothing."""
    with path.open("ab", buffering=0) as file:
        before = file.tell()
        try:
            while data:
                data = data[file.write(data) :]
        except OSError:
            with suppress(OSError):
                file.truncate(before)
            raise


def _point(line: bytes, place: str) -> Point:
    start, mark, number = line.rpartition(MARK)
    content = start + b"}" if mark else line
    if mark and number != b"%d}" % crc32(content):
        raise ValueError(f"{place} is damaged: it does not match its checksum: {line[:80]!r}")
    try:
        point = Point(**json.loads(content))
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"{place} is not a point of a metric: {line[:80]!r}") from error
    kinds = (float, int, int)
    fits = (is_number(v, k) for v, k in zip(point[1:], kinds, strict=True))
    if not isinstance(point.key, str) or not all(fits):
        raise ValueError(f"{place} is not a point of a metric: {line[:80]!r}")
    return point
