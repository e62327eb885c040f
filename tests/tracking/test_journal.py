import json
import math
from pathlib import Path

from rnnlab.tracking.journal import Journal, Point


def test_reads_back_what_it_wrote_with_every_digit(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "deep" / "metrics.jsonl")
    assert list(journal) == []
    written = journal.append({"train/loss": 0.1 + 0.2, "grad/norm": math.pi}, step=7)
    written += journal.append({"train/loss": 1e-300}, step=8)
    assert list(journal) == written
    assert [(p.key, p.value, p.step) for p in journal] == [
        ("train/loss", 0.1 + 0.2, 7),
        ("grad/norm", math.pi, 7),
        ("train/loss", 1e-300, 8),
    ]


def test_each_line_is_json(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    (point,) = Journal(path).append({"a": 1.0}, step=2)
    assert json.loads(path.read_text()) == point._asdict()


def test_a_line_cut_short_is_no_point(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    journal = Journal(path)
    kept = journal.append({"a": 1.0}, step=2)
    with path.open("a") as file:
        file.write('{"key": "a", "val')
    assert list(journal) == kept
    resumed = Journal(path)
    kept += resumed.append({"a": 2.0}, step=4)
    assert list(resumed) == kept


def test_points_are_plain_tuples() -> None:
    assert Point("a", 1.0, 2, 3) == ("a", 1.0, 2, 3)
