"""A file that is there whole or not at all. Oracle: what the folder holds."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rnnlab.prediction.output_file import output_file

HOLD = """
import sys, time
from pathlib import Path
from rnnlab.prediction.output_file import output_file
with output_file("output=y", Path("y"), False) as file:
    file.write(b"half")
    file.flush()
    print("held", flush=True)
    time.sleep(600)
"""


def held(folder: Path) -> subprocess.Popen[str]:
    """A process that is about to write y."""
    words = [sys.executable, "-c", HOLD]
    process = subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_it_has_its_name_at_the_end(tmp_path: Path) -> None:
    with output_file("output=y", tmp_path / "y", False) as file:
        file.write(b"whole")
        assert len(names(tmp_path)) == 1
        assert names(tmp_path)[0].startswith(".y.")
    assert names(tmp_path) == ["y"]
    assert (tmp_path / "y").read_bytes() == b"whole"


def test_nothing_is_left_of_an_error(tmp_path: Path) -> None:
    (tmp_path / "y").write_bytes(b"old")
    with pytest.raises(OSError, match="full"), output_file("output=y", tmp_path / "y", True):
        raise OSError("full")
    assert names(tmp_path) == ["y"]
    assert (tmp_path / "y").read_bytes() == b"old"


def test_what_comes_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="output=y exists: overwrite=true"),
        output_file("output=y", tmp_path / "y", False),
    ):
        (tmp_path / "y").write_bytes(b"another's")
    assert names(tmp_path) == ["y"]
    assert (tmp_path / "y").read_bytes() == b"another's"


def test_the_next_one_takes_away_what_a_killed_one_left(tmp_path: Path) -> None:
    """And neither what one that is at work has, nor what is called otherwise."""
    others = {".y.part", ".y.12345678.part.old", ".z.12345678.part", "y.12345678.part"}
    for name in others:
        (tmp_path / name).write_bytes(b"")
    killed, at_work = held(tmp_path), held(tmp_path)
    left = {*names(tmp_path)} - others
    assert len(left) == 2
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert {*names(tmp_path)} == left | others
    with output_file("output=y", tmp_path / "y", False) as file:
        file.write(b"whole")
    assert len({*names(tmp_path)} - others - {"y"}) == 1  # of the one that is at work
    at_work.kill()
    at_work.communicate()
    with output_file("output=y", tmp_path / "y", True):
        pass
    assert {*names(tmp_path)} == others | {"y"}


def test_where_no_file_can_be(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("nowhere")
    for name, message in {
        "no/y": "there is no folder",
        "folder": "is no file",
        "link": "is no file",
    }.items():
        with (
            pytest.raises(ValueError, match=message),
            output_file(f"output={name}", tmp_path / name, True),
        ):
            pass
    assert names(tmp_path) == ["folder", "link"]
