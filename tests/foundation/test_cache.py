"""What is kept of compiled loops, and what goes. Oracle: the files that are left, and what is read of them."""

import os
import time
from pathlib import Path

import pytest

from rnnlab.foundation import cache

CODE = b"machine code" * 10


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "rnnlab"


def written(name: str, days_ago: float = 0.0, code: bytes = CODE) -> Path:
    """A file that was last read so long ago, as far as its time tells."""
    path = cache.path_of(name)
    assert path is not None
    cache.write(path, code)
    at = time.time() - days_ago * cache.DAY
    os.utime(path, (at, at))
    return path


def left(folder: Path) -> set[Path]:
    return set(folder.iterdir())


def test_what_nobody_has_read_for_90_days_goes_when_one_is_written(folder: Path) -> None:
    old, young = written("old", 91), written("young", 89)
    assert left(folder) == {young}  # with `young` it went
    assert cache.read(old) is None
    assert cache.read(young) == CODE


def test_what_is_read_stays(folder: Path) -> None:
    read, unread = written("read", 80), written("unread", 80)
    assert cache.read(read) == CODE
    for path in (read, unread):  # 20 days later
        at = path.stat().st_mtime - 20 * cache.DAY
        os.utime(path, (at, at))
    new = written("new")
    assert left(folder) == {read, new}


def test_of_a_day_one_reading_is_told(folder: Path) -> None:
    """A folder that many jobs read at once is not written to by each."""
    path = written("read", 0.5)
    before = path.stat().st_mtime_ns
    assert cache.read(path) == CODE
    assert path.stat().st_mtime_ns == before


def test_beyond_its_size_what_was_read_longest_ago_goes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [written(str(days), days) for days in (3, 1, 2)]
    size = paths[0].stat().st_size
    monkeypatch.setattr(cache, "ROOM", 3 * size)
    new = written("new")
    assert left(folder) == {*paths[1:], new}
    monkeypatch.setattr(cache, "ROOM", size - 1)  # not even for one
    newest = written("newest")
    assert left(folder) == {newest}
    assert cache.read(newest) == CODE


def test_half_a_file_goes_once_its_writer_must_have_died(folder: Path) -> None:
    written("first")
    for name, days_ago in (("dead", 1.1), ("at_work", 0.1)):
        half = folder / f"made-{name}.new"
        half.write_bytes(CODE)
        os.utime(half, (time.time() - days_ago * cache.DAY,) * 2)
    written("second")
    assert {path.name for path in folder.glob("*.new")} == {"made-at_work.new"}


def test_what_is_not_ours_stays(folder: Path) -> None:
    folder.mkdir()
    for name in ("notes.txt", "numba-0.68"):
        (folder / name).touch()
        os.utime(folder / name, (0, 0))
    (folder / "made-of-mine.bin").mkdir()  # cannot be unlinked
    os.utime(folder / "made-of-mine.bin", (0, 0))
    new = written("new")
    assert {path.name for path in left(folder)} == {
        "notes.txt",
        "numba-0.68",
        "made-of-mine.bin",
        new.name,
    }
