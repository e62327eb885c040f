"""What a run's journal says, to the last bit."""

import json
from pathlib import Path

JOURNAL = "metrics.jsonl"


def points_in_order(folder: Path) -> list[tuple[str, int, str]]:
    """Each line of the journal but those of speed: key, step, value in hex."""
    points = map(json.loads, (folder / JOURNAL).read_text().splitlines())
    return [
        (p["key"], p["step"], float(p["value"]).hex())
        for p in points
        if not p["key"].startswith("perf/")
    ]


def distinct_points(folder: Path) -> dict[tuple[str, int], str]:
    """Those points by key and step; one that was written again must be the same."""
    found: dict[tuple[str, int], str] = {}
    for key, step, value in points_in_order(folder):
        assert found.setdefault((key, step), value) == value, (key, step)
    return found


def count_lines(folder: Path) -> int:
    """How far the journal has got."""
    journal = folder / JOURNAL
    return journal.read_bytes().count(b"\n") if journal.exists() else 0
