"""Oracle: what numpy reads back."""

from pathlib import Path

import numpy as np

from rnnlab.diagnostics.history import History


def test_a_row_for_each_look_and_none_twice(tmp_path: Path) -> None:
    path = tmp_path / "diagnostics" / "x.npz"
    History(path).add(0, {"a": np.array([1.0, 2.0])})
    History(path).add(4, {"a": np.array([3.0, 4.0])})
    History(path).add(8, {"a": np.array([5.0, 6.0])})
    # A run that was killed at 9 and resumed at 4 looks again.
    History(path).add(4, {"a": np.array([7.0, 8.0])})
    with np.load(path) as file:
        assert dict(file).keys() == {"updates", "a"}
        np.testing.assert_array_equal(file["updates"], [0, 4])
        np.testing.assert_array_equal(file["a"], [[1, 2], [7, 8]])
    history = History(path)
    np.testing.assert_array_equal(history.row(0)["a"], [1, 2])
    np.testing.assert_array_equal(history.row(-1)["a"], [7, 8])
    assert [p.name for p in path.parent.iterdir()] == ["x.npz"]
    assert History(tmp_path / "none.npz").rows == {}
