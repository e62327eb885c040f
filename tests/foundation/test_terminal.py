"""What a terminal shows, looked at through its escape codes."""

import io
from pathlib import Path

import pytest

from rnnlab.foundation.terminal import LivingLine, fitted, short
from tests.support.screens import Terminal, screen


@pytest.fixture(autouse=True)
def _narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")


def test_a_line_lives_below_those_that_stay() -> None:
    stream = Terminal()
    line = LivingLine(stream)
    line.show("1 of 3 done")
    line.show("2 of 3")
    assert screen(stream.getvalue()) == ["2 of 3"]
    line.print_above("job 2 is done")
    assert screen(stream.getvalue()) == ["job 2 is done", "2 of 3"]
    line.show("a line that is much too long for it")
    assert screen(stream.getvalue())[-1] == "a line that is much"  # 19: the cursor has a place
    line.erase()
    assert screen(stream.getvalue()) == ["job 2 is done", ""]


def test_one_that_is_kept() -> None:
    stream = Terminal()
    line = LivingLine(stream)
    line.keep()
    assert stream.getvalue() == ""  # there was none
    line.show("6/6")
    line.keep()
    assert screen(stream.getvalue()) == ["6/6", ""]


def test_elsewhere_only_plain_lines() -> None:
    stream = io.StringIO()
    line = LivingLine(stream)
    line.show("1 of 3 done")
    line.print_above("a line that is much too long for it")
    line.erase()
    line.keep()
    assert stream.getvalue() == "a line that is much too long for it\n"


def test_what_is_too_long_is_broken_between_words() -> None:
    text = "one two three four five\nsix /a/path/that/cannot/be/broken/at/all"
    assert fitted(text, Terminal()).split("\n") == [
        "one two three four",
        "    five",
        "six",
        "    /a/path/that/cannot/be/broken/at/all",
    ]
    assert fitted(text, io.StringIO()) == text


@pytest.mark.parametrize(
    "command",
    [
        "'hydra.sweep.dir='\"'\"'a folder with words'\"'\"'' resume=auto",
        "hydra.sweep.dir=outputs/a/long/one resume=auto",
        "python -m rnnlab.sync 'a folder with words'",
        "to go on: python -m rnnlab.run resume=outputs/a",
        "served by   mlflow ui --backend-store-uri 'sqlite:////a folder/mine.db'",
    ],
)
def test_a_command_stays_on_its_line(command: str) -> None:
    assert fitted(f"it goes on:\n{command}\n", Terminal()) == f"it goes on:\n{command}\n"


def test_a_path_from_here_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert short(tmp_path / "outputs" / "a") == "outputs/a"
    assert short("/elsewhere") == "/elsewhere"
    assert short(tmp_path) == "."
