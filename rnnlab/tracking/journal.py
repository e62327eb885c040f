"""A run's metrics on the local disk: one JSON object a line, written as the numbers come.

    {"key": "train/loss", "value": 0.1672, "step": 50, "timestamp": 1767225600000}

It is complete before any tracking server hears of a number, so that a server that is slow, down or
gone costs no point. Values are written with all their digits.
"""

import json
import logging
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from rnnlab.foundation.files import write_bytes

log = logging.getLogger(__name__)


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
                self._drop_cut_line()
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

    def _drop_cut_line(self) -> None:
        """A killed process may have left half a line, which the next point must not continue."""
        if self.path.exists():
            text = self.path.read_bytes()
            if not text.endswith(b"\n"):
                os.truncate(self.path, text.rfind(b"\n") + 1)
        self._whole = True

    def forget_end(self, step: int) -> None:
        """Drop what was written of the end at `step`, after its validation: the run trains on."""
        points = list(self)
        validated = [n for n, p in enumerate(points) if p.step == step and p.key.startswith("val/")]
        last = max(validated, default=len(points))
        kept = [p for n, p in enumerate(points) if n <= last or p.step != step]
        if len(kept) < len(points):
            write_bytes(self.path, b"".join(map(_line, kept)))

    def __iter__(self) -> Iterator[Point]:
        """The points written so far; a last line that a killed process left incomplete is no point.

        Raises:
            ValueError: For any other line that is not a point.
        """
        lines = self.path.read_bytes() if self.path.exists() else b""
        for number, line in enumerate(lines.split(b"\n")[:-1], start=1):
            yield _point(line, f"{self.path}, line {number}")


def drop_seen(points: Iterable[Point], seen: set[tuple[str, int]]) -> Iterator[Point]:
    """Those whose key and step are not among `seen`, and are from now on."""
    for point in points:
        if (point.key, point.step) not in seen:
            seen.add((point.key, point.step))
            yield point


def _line(point: Point) -> bytes:
    return json.dumps(point._asdict()).encode() + b"\n"


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
    try:
        point = Point(**json.loads(line))
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"{place} is not a point of a metric: {line[:80]!r}") from error
    kinds = (str, (int, float), int, int)
    fits = (isinstance(v, k) for v, k in zip(point, kinds, strict=True))
    if not all(fits) or any(isinstance(value, bool) for value in point):
        raise ValueError(f"{place} is not a point of a metric: {line[:80]!r}")
    return point
