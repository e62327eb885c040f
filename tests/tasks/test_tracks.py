"""Training sequences in order. Oracles: tracks by hand, and the text or the series itself."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

from rnnlab.foundation.contract import ContractError
from rnnlab.tasks import Draws, Part, Task
from rnnlab.tasks.adding import Adding
from rnnlab.tasks.arrays import Arrays
from rnnlab.tasks.contract import check_task
from rnnlab.tasks.stream import Stream
from rnnlab.tasks.text import Text
from rnnlab.tasks.windows import Windows
from tests.support.data_files import write_data
from tests.support.finite_task import Waves

EXAMPLE = Windows(40, 4, shares=(50, 25))


def draws_of(batches: range, rows: int, seed: int = 0) -> Draws:
    parts = [Part(batch, 0, rows) for batch in batches]
    return Draws(seed, "train", parts, batch_size=rows, in_order=True)


def test_tracks_by_hand() -> None:
    """Seven examples, two rows: tracks 0 1 2 and 3 4 5, and 6 is left out."""
    found = draws_of(range(5), rows=2).examples(7).view(5, 2).T
    assert found.tolist() == [[0, 1, 2, 0, 1], [3, 4, 5, 3, 4]]
    some = Draws(0, "train", [Part(1, 1, 1), Part(5, 0, 2)], batch_size=2, in_order=True)
    assert some.examples(7).tolist() == [4, 2, 5]


def test_windows_of_a_pass_lie_side_by_side() -> None:
    """The worked example: windows begin within 0-3, 4-7, 8-11 and 12-15; two rows read two each."""
    begun = EXAMPLE.starts(draws_of(range(40), rows=2)).reshape(20, 2, 2)
    shifts = begun[:, 0, 0]
    assert set(shifts) == {0, 1, 2, 3}
    np.testing.assert_array_equal(begun - shifts[:, None, None], [[[0, 8], [4, 12]]] * 20)
    again = [EXAMPLE.starts(draws_of(range(n, n + 1), rows=2)).tolist() for n in range(40)]
    assert again == begun.reshape(40, 2).tolist()
    assert (EXAMPLE.starts(draws_of(range(40), 2, seed=1)) != begun.ravel()).any()


def continuing(folder: Path) -> list[Task]:
    write_data(folder)
    series = Arrays(path=str(folder / "series.npz"), target="next", seq_len=7)
    return [Text(seq_len=9, path=str(folder / "text.txt")), series]


def test_a_row_reads_on(tmp_path: Path) -> None:
    """What a row is asked for last is what it is shown first in the next batch; a pass is one long stretch."""
    for task in continuing(tmp_path):
        stream = Stream(task, 3, 0, "train", in_order=True)
        number, passes = stream.pass_batches, 4
        assert number == (task.num_sequences("train") or 0) // 3 > 2
        batches = list(stream.batches(0, number * passes))
        for place, (before, after) in enumerate(itertools.pairwise(batches), 1):
            shown, told = after.inputs[:, 0], before.targets[:, -1]
            goes_on = torch.equal(shown.argmax(dim=1) if told.dim() == 1 else shown, told)
            assert goes_on == (place % number != 0)
        alone = stream.batch(number + 1)
        assert torch.equal(alone.inputs, batches[number + 1].inputs)


def test_all_rows_read_parts_of_their_own(tmp_path: Path) -> None:
    """Of the text: every character that a pass shows is shown once, and all lie in the training part."""
    text, _ = continuing(tmp_path)
    assert isinstance(text, Text)
    windows = text._windows
    for rows in (1, 3, 10):
        number = windows.count("train") // rows
        begun = windows.starts(draws_of(range(3 * number), rows)).reshape(3, -1)
        for starts in begun:
            steps = (starts[:, None] + np.arange(10)).ravel()
            assert {*steps} <= {*windows.steps("train")}
            shown = (starts[:, None] + np.arange(9)).ravel()
            assert len({*shown}) == number * rows * 9


class Measured(Waves):
    """Waves that are pieces of one measurement; `draws.examples` is all that it takes to give them in order."""

    continues = True  # pyrefly: ignore[bad-override]


def test_a_task_of_ones_own() -> None:
    """Of 23 sequences rows of two read 0 to 10 and 11 to 21."""
    task = Measured()
    check_task(task)
    stream = Stream(task, 2, 0, "train", in_order=True)
    for number in (0, 10, 11, 14):
        rows = number % 11, 11 + number % 11
        shown = torch.from_numpy(task.sequences["train"][[*rows]]).unsqueeze(2)
        assert torch.equal(stream.batch(number).inputs, shown)


class Endless(Adding):
    continues = True  # pyrefly: ignore[bad-override]


class Vague(Waves):
    continues = "perhaps"  # pyrefly: ignore[bad-override]


@pytest.mark.parametrize("task", [Endless(9), Vague()], ids=["endless", "vague"])
def test_a_task_that_says_so_wrongly(task: Task) -> None:
    with pytest.raises(ContractError, match=r"continues is "):
        check_task(task)


def test_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^no sequence of Adding goes on where another ends$"):
        Stream(Adding(9), 3, 0, "train", in_order=True)
    write_data(tmp_path)
    labelled = Arrays(path=str(tmp_path / "labelled.npz"))
    with pytest.raises(ValueError, match=r"^no sequence of Arrays goes on"):
        Stream(labelled, 3, 0, "train", in_order=True)
    text = Text(seq_len=9, path=str(tmp_path / "text.txt"))
    count = text.num_sequences("train")
    Stream(text, count // 2, 0, "train", in_order=True)
    said = f"^batch_size={count // 2 + 1} is too large for the {count} training sequences of Text"
    with pytest.raises(ValueError, match=said):
        Stream(text, count // 2 + 1, 0, "train", in_order=True)
    with pytest.raises(ValueError, match=r"^7 examples make no tracks for batch_size=8 rows"):
        draws_of(range(1), rows=8).examples(7)
