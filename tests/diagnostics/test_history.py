"""Oracle: what numpy reads back."""

from pathlib import Path

import numpy as np
import pytest

from rnnlab.diagnostics.history import History


def test_a_row_for_each_look_and_none_twice(tmp_path: Path) -> None:
    path = tmp_path / "diagnostics" / "x.npz"
    killed = History(path)
    for updates, values in ((0, [1.0, 2.0]), (4, [3.0, 4.0]), (8, [5.0, 6.0])):
        killed.add(updates, {"a": np.array(values)})
        killed.write()
    # Killed at 9 and resumed at 4, the run looks again.
    resumed = History(path)
    resumed.add(4, {"a": np.array([7.0, 8.0])})
    resumed.write()
    with np.load(path) as file:
        assert dict(file).keys() == {"updates", "a"}
        np.testing.assert_array_equal(file["updates"], [0, 4])
        np.testing.assert_array_equal(file["a"], [[1, 2], [7, 8]])
    history = History(path)
    np.testing.assert_array_equal(history.row(0)["a"], [1, 2])
    np.testing.assert_array_equal(history.row(-1)["a"], [7, 8])
    assert [p.name for p in path.parent.iterdir()] == ["x.npz"]
    assert History(tmp_path / "none.npz").rows == {}


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for content in (b"noise", b"PK\x03\x04noise", b""):
        (tmp_path / "x.npz").write_bytes(content)
        with pytest.raises(ValueError, match=r"x\.npz cannot be read"):
            History(tmp_path / "x.npz")


def test_what_the_disk_did_not_take_goes_with_the_next(tmp_path: Path) -> None:
    blocked = tmp_path / "diagnostics"
    blocked.touch()  # a file, where the folder is to be
    history = History(blocked / "x.npz")
    history.add(0, {"a": np.array([1.0])})
    with pytest.raises(OSError, match="exists"):
        history.write()
    blocked.unlink()
    history.add(4, {"a": np.array([2.0])})
    history.write()
    with np.load(blocked / "x.npz") as file:
        np.testing.assert_array_equal(file["a"], [[1], [2]])
    (blocked / "x.npz").unlink()
    history.write()  # nothing new: nothing is written
    assert not (blocked / "x.npz").exists()
