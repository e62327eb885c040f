"""What a sweep shows while it runs. Oracle: lines written out, and a terminal that is looked at."""

import io
import re
import signal
from pathlib import Path

import pytest

from rnnlab.sweeps.progress import SweepProgress, duration
from rnnlab.tracking.result import Result
from tests.support.command import QUICK, SMALL
from tests.support.processes import WITHOUT_FIGURES
from tests.support.screens import Screen, Terminal, screen


def result(seconds: float, solved_at: float | None = None) -> Result:
    metrics = {"test/loss": 0.0036, "test/solved": float(solved_at is not None), "diverged": 0.0}
    metrics |= {} if solved_at is None else {"steps_to_solve": solved_at}
    made = Result("", "gru", "adding", 50, 1, 1 / 6, [], "", seconds=seconds)
    made.metrics = metrics
    return made


def test_plain_lines_where_there_is_no_terminal() -> None:
    stream = io.StringIO()
    progress = SweepProgress(5, stream)
    progress.begin(4, finished=1, at_once=2)
    progress.show(running=2)
    progress.ended("gru seed=1", result(40, solved_at=1100))
    progress.ended("gru seed=2", None, "KeyError: 'a'")
    progress.ended("lstm seed=1", result(80))
    progress.ended("lstm seed=2", result(60))
    progress.leave()
    assert stream.getvalue().splitlines() == [
        "5 jobs, 1 of them finished before, 2 at a time",
        # three are left, two at a time: 40 * 3 / 2
        "[2/5] gru seed=1: loss 0.0036, chance 0.167, solved at 1100 (about 60 s left)",
        "[3/5] gru seed=2: FAILED, KeyError: 'a' (about 40 s left)",
        "[4/5] lstm seed=1: loss 0.0036, chance 0.167, unsolved (about 60 s left)",
        "[5/5] lstm seed=2: loss 0.0036, chance 0.167, unsolved",
    ]


def test_one_living_line_on_a_terminal() -> None:
    stream = Terminal()
    progress = SweepProgress(3, stream)
    progress.begin(3, finished=0, at_once=2)
    progress.show(running=2)
    assert screen(stream.getvalue()) == ["3 jobs, 2 at a time", "0 of 3 done, 2 running"]
    progress.ended("seed=0", result(300))
    progress.show(running=2)
    assert screen(stream.getvalue())[-1] == "1 of 3 done, 2 running, about 5 min left"
    progress.ended("seed=1", None, "killed")
    progress.show(running=1)
    assert screen(stream.getvalue())[-2:] == [
        "[2/3] seed=1: FAILED, killed (about 5 min left)",
        "2 of 3 done, 1 running, 1 failed, about 5 min left",
    ]
    progress.leave()
    assert screen(stream.getvalue())[-1] == ""


def test_probes_are_counted_over_all_rounds() -> None:
    stream = Terminal()
    progress = SweepProgress(None, stream, "probe")
    for number in range(2):
        progress.begin(3 - number, finished=number, at_once=2)
        progress.ended("gru task.seq_len=20", result(10))
        progress.show(running=1)
    progress.leave()
    shown = screen(stream.getvalue())
    assert shown[:4] == [
        "round 1: 3 probes, 2 at a time",
        "[round 1, probe 1] gru task.seq_len=20: loss 0.0036, chance 0.167, unsolved",
        "    (about 10 s left in this round)",
        "round 2: 3 probes, 1 of them finished before, 2 at a time",
    ]
    assert shown[4].startswith("[round 2, probe 3] ")
    assert "round 2: 3 probes done, 1 running" in stream.getvalue()


def test_batches_of_one_sweep_are_counted_once() -> None:
    stream = io.StringIO()
    progress = SweepProgress(4, stream)
    for _ in range(2):
        progress.begin(2, finished=0, at_once=1)
    assert stream.getvalue() == "4 jobs, 1 at a time\n"


def test_batches_of_a_round_are_counted_once() -> None:
    stream = io.StringIO()
    progress = SweepProgress(None, stream, "probe")
    for probes in (3, 2):
        progress.begin_round(probes)
        for batch in (2, probes - 2):
            if batch:
                progress.begin(batch, finished=0, at_once=2)
    assert stream.getvalue().splitlines() == [
        "round 1: 3 probes, 2 at a time",
        "round 2: 2 probes, 2 at a time",
    ]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 s"), (99, "99 s"), (120, "2 min"), (7200, "2 h"), (86400 * 3, "3 days")],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


SWEEP = ("-m", "cell=elman,gru", "seed=0,1", *QUICK, *SMALL, "tracking.log_model=false")


def too_long(lines: list[str]) -> list[str]:
    """Those beyond 80 columns, but for the table that the report reshapes and the pages' addresses."""
    return [line for line in lines if len(line) > 80 and not line.startswith(("|", "http://"))]


def without_compiling(lines: list[str]) -> list[str]:
    """Without what a machine's first sweep says."""
    return [line for line in lines if "compiling" not in line]


@pytest.mark.slow
def test_in_a_terminal_of_80_columns(home: Path) -> None:
    shown = Screen(home, "-c", WITHOUT_FIGURES, *SWEEP, "cell.hidden_size=3,8")
    assert shown.read_to_the_end() == 0, shown.text
    lines = screen(shown.text)
    assert not too_long(lines)
    lines = without_compiling(lines)
    assert lines[0] == "8 jobs, 2 at a time"
    said = "\n".join(lines)
    for cell in ("elman", "gru"):
        assert f" {cell} seed=1 cell.hidden_size=8: loss " in said
    assert "[8/8] " in said
    assert " of 8 done" not in said  # it lived, and is gone
    assert "\r0 of 8 done" in shown.text
    assert re.search(r"\r\d of 8 done, [12] running, about \d+ s left", shown.text)


@pytest.mark.slow
def test_ctrl_c_leaves_a_clean_line(home: Path) -> None:
    shown = Screen(home, "-c", WITHOUT_FIGURES, *SWEEP, "train.steps=1000000")
    while "2 running" not in shown.text:
        assert shown.read()
    shown.process.send_signal(signal.SIGINT)
    assert shown.read_to_the_end() == 130
    lines = without_compiling(screen(shown.text))
    assert lines[0] == "4 jobs, 2 at a time"
    assert not [line for line in lines if " running" in line]
    assert not too_long(lines)
    assert "stopped by SIGINT" in lines
    assert "2 of 4 jobs stopped, 2 not begun:" in lines
