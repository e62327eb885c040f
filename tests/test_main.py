"""One door to the commands. Oracle: what `python -m rnnlab.NAME` does."""

import subprocess
import sys
from pathlib import Path

import pytest

from rnnlab import __main__ as door
from rnnlab import __version__, run

ROOT = Path(door.__file__).parent


def called(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str
) -> tuple[object, str, str]:
    monkeypatch.setattr(sys, "argv", ["rnnlab", *words])
    with pytest.raises(SystemExit) as ended:
        door.main()
    out, err = capsys.readouterr()
    return ended.value.code, out, err


def test_every_command_has_a_line() -> None:
    files = {path.stem for path in ROOT.glob("*.py")} - {"__init__", "__main__"}
    assert set(door.COMMANDS) == files


@pytest.mark.parametrize("words", [(), ("-h",), ("--help",)])
def test_help(monkeypatch, capsys, words: tuple[str, ...]) -> None:
    status, out, _ = called(monkeypatch, capsys, *words)
    assert status == (0 if words else 2)
    for name, text in door.COMMANDS.items():
        assert f"  {name:9} {text}\n" in out


def test_version(monkeypatch, capsys) -> None:
    assert called(monkeypatch, capsys, "--version") == (0, f"rnnlab {__version__}\n", "")


def test_a_misspelt_command_gets_the_nearest(monkeypatch, capsys) -> None:
    status, _, err = called(monkeypatch, capsys, "comapre")
    assert status == 2
    assert err.startswith("rnnlab comapre is unknown: did you mean compare?")


def test_a_command_gets_the_rest_and_the_current_folder(monkeypatch, capsys, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    got: list[list[str]] = []

    def main() -> None:
        got.append(sys.argv)
        sys.exit(5)

    monkeypatch.setattr(run, "main", main)
    status, _, _ = called(monkeypatch, capsys, "run", "-m", "cell=gru,lstm")
    assert status == 5
    assert got == [["rnnlab run", "-m", "cell=gru,lstm"]]
    assert str(tmp_path) in sys.path


def test_it_is_the_command_itself(tmp_path: Path) -> None:
    def printed(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", *words], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        return done.stdout

    words = ("cell=gru", "task.seq_len=7", "--cfg", "job")
    assert printed("rnnlab", "run", *words) == printed("rnnlab.run", *words)


def test_options_may_stand_anywhere() -> None:
    """Hydra itself refuses an override that comes after an option and another override."""
    words = ["x", "cell=gru", "-m", "seed=0,1", "--config-dir", "mine", "a=b"]
    overrides = ["cell=gru", "seed=0,1", "a=b"]
    assert run._options(words, overrides) == ["x", "-m", "--config-dir", "mine"]
