"""Files that are written as a whole. Oracle: what a link, made beforehand, leads to stays as it was."""

import os
from pathlib import Path

from rnnlab.foundation.files import write_bytes


def test_no_link_that_was_made_beforehand_is_written_through(tmp_path: Path) -> None:
    """As one of the process's number, which can be guessed."""
    victim, target = tmp_path / "victim", tmp_path / "result.json"
    victim.write_text("mine")
    for name in (f".result.json.{os.getpid()}", "result.json"):
        (tmp_path / name).symlink_to(victim)
    write_bytes(target, b"new")
    assert victim.read_text() == "mine"
    assert target.read_bytes() == b"new"
    assert not target.is_symlink()
    assert {path.name for path in tmp_path.iterdir()} == {
        *("victim", "result.json", f".result.json.{os.getpid()}")
    }
