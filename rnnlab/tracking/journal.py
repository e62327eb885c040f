"""The local record of a run's metrics: one JSON object a line, written as the numbers come.

    {"key": "train/loss", "value": 0.1672, "step": 50, "timestamp": 1767225600000}

It is complete before any tracking server hears of a number, so that a server that is slow, down or
gone costs no point. Values are written with all their digits.
"""

import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple


class Point(NamedTuple):
    """One value of one metric."""

    key: str
    value: float
    step: int
    timestamp: int  # milliseconds since 1970


class Journal:
    """Appends to the file at `path`, made with its folder at the first point."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._whole = False

    def append(self, metrics: Mapping[str, float], step: int) -> list[Point]:
        """Write the metrics down under `step`; returns them as points."""
        now = int(time.time() * 1000)
        points = [Point(key, float(value), step, now) for key, value in metrics.items()]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if not self._whole:
            self._drop_cut_line()
        with self.path.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(point._asdict()) + "\n" for point in points)
        return points

    def _drop_cut_line(self) -> None:
        """A killed process may have left half a line, which the next point must not continue."""
        self._whole = True
        if self.path.exists():
            text = self.path.read_bytes()
            if not text.endswith(b"\n"):
                os.truncate(self.path, text.rfind(b"\n") + 1)

    def __iter__(self) -> Iterator[Point]:
        """The points written so far; a last line that a killed process left incomplete is no point."""
        if not self.path.exists():
            return
        for line in self.path.read_text(encoding="utf-8").splitlines(keepends=True):
            if line.endswith("\n"):
                yield Point(**json.loads(line))
