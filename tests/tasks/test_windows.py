"""Windows of one long sequence. Oracle: the worked example by hand, and every step written out."""

import pytest

from rnnlab.tasks import Draws, Part
from rnnlab.tasks.windows import Windows

EXAMPLE = Windows(40, 4, shares=(50, 25))


def starts(windows: Windows, stream: str, count: int, batch: int = 0, seed: int = 0) -> list[int]:
    draws = Draws(seed, stream, [Part(batch, 0, count)], batch_size=count)
    return windows.starts(draws).tolist()


def test_the_worked_example():
    assert [EXAMPLE.steps(s) for s in ("train", "val", "test")] == [
        range(20),
        range(20, 30),
        range(30, 40),
    ]
    assert [EXAMPLE.count(s) for s in ("train", "val", "test")] == [4, 2, 2]
    assert starts(EXAMPLE, "val", 2) == [20, 24]
    assert starts(EXAMPLE, "test", 2) == [30, 34]
    assert EXAMPLE.answers("test") == range(31, 39)
    for epoch in range(20):
        begun = sorted(starts(EXAMPLE, "train", 4, batch=epoch))
        assert [start // 4 for start in begun] == [0, 1, 2, 3]


@pytest.mark.parametrize(("total", "seq_len"), [(90, 4), (333, 7), (1000, 10), (61, 2)])
def test_no_step_is_in_two_parts(total: int, seq_len: int) -> None:
    """Every step that a window shows or asks for lies in its own part; the parts are all steps."""
    windows = Windows(total, seq_len, shares=(80, 10))
    assert [n for s in ("train", "val", "test") for n in windows.steps(s)] == list(range(total))
    for split in ("train", "val", "test"):
        seen = set()
        for batch in range(30 if split == "train" else 1):
            for start in starts(windows, split, windows.count(split), batch):
                seen |= set(range(start, start + seq_len + 1))
        assert seen <= set(windows.steps(split))
        if split != "train":  # side by side, each answer once
            assert {*windows.answers(split)} == seen - {windows.steps(split).start}
            assert len(windows.steps(split)) - len(seen) < seq_len


def test_a_training_window_begins_anywhere_in_its_place_and_by_seed_alone():
    windows = Windows(400, 5, shares=(80, 10))
    epochs = [starts(windows, "train", windows.count("train"), epoch) for epoch in range(40)]
    offsets = {start % 5 for epoch in epochs for start in epoch}
    assert offsets == set(range(5))
    assert epochs[3] == starts(windows, "train", windows.count("train"), 3)
    assert epochs[3] != starts(windows, "train", windows.count("train"), 3, seed=1)


@pytest.mark.parametrize(("seq_len", "fits"), [(4, True), (5, False), (100, False)])
def test_at_least_two_windows_fit_into_each_part(seq_len: int, fits: bool) -> None:
    if fits:
        Windows(40, seq_len, shares=(50, 25))
        return
    with pytest.raises(ValueError, match=f"^seq_len={seq_len} is too long for 40 steps, of which"):
        Windows(40, seq_len, shares=(50, 25))
