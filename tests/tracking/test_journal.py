import json
import math
from pathlib import Path
from zlib import crc32

from rnnlab.tracking.journal import Journal, Point, newest_values


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


def test_each_line_is_json_and_ends_with_its_checksum(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    (point,) = Journal(path).append({"a": 1.0}, step=2)
    text = json.dumps(point._asdict())
    assert json.loads(path.read_text()) == {**point._asdict(), "crc32": crc32(text.encode())}
    path.write_text(f"{text}\n")  # as rnnlab 0.1 wrote it
    assert list(Journal(path)) == [point]


def test_what_is_whole_of_a_journal_stays(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    kept = Journal(path).append({"a": 1.0, "b": 2.0}, step=2)
    assert Journal(path).mend() == ""
    for attempt in (1, 2):
        damaged = b"noise\n" + path.read_bytes()
        path.write_bytes(damaged)
        said = Journal(path).mend()
        name = f"metrics.jsonl.damaged-{attempt}"
        what = "line 1 is left out, 2 points are whole"
        assert said == f"{path} is damaged: {what} ({name} is as it was)"
        assert path.with_name(name).read_bytes() == damaged
        assert list(Journal(path)) == kept


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


def test_what_was_left_out_goes_where_it_would_have_been(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    written = [Point("a", float(step), step, 1000 + step) for step in range(6)]
    Journal(path).restore([point for point in written if point.step not in (2, 3)])
    journal = Journal(path)
    journal.restore([written[3], written[2]])
    assert list(journal) == written
    assert list(journal) + journal.append({"b": 1.0}, 9) == list(journal)


def test_the_newest_values_as_far_as_a_step() -> None:
    points = [
        *(Point("a", 1.0, 2, 0), Point("a", 2.0, 4, 0), Point("b", 3.0, 1, 0)),
        *(Point("a", 4.0, 2, 0), Point("a", 5.0, 4, 0), Point("a", 6.0, 3, 0)),
    ]
    assert newest_values(points) == {"a": 5.0, "b": 3.0}
    assert newest_values(points, 3) == {"a": 6.0, "b": 3.0}
    assert newest_values(points, 2) == {"a": 4.0, "b": 3.0}
    assert newest_values(points, 0) == {}


def test_a_copy_by_hard_links_is_left_as_it_is(tmp_path: Path) -> None:
    path, copy = tmp_path / "metrics.jsonl", tmp_path / "copy.jsonl"
    first = Journal(path).append({"loss": 1.0}, 1)
    copy.hardlink_to(path)
    second = Journal(path).append({"loss": 2.0}, 2)
    assert list(Journal(copy)) == first
    assert list(Journal(path)) == first + second
