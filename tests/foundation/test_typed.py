"""Commands that are printed. Oracle: what a shell, and then Hydra's parser, make of them."""

import shlex
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from rnnlab.foundation.typed import typed_override, typed_path

NAMES = (
    *(
        "2026",
        "1e5",
        "null",
        "true",
        "auto",
        "~x",
        "a~b",
        "a b",
        "a,b",
        "é",
        "b'c",
        "b\\'c",
        "b\\\\'c",
    ),
    *(
        "end\\",
        "mid\\dle",
        "[x]",
        "{x}",
        "a=b",
        "-x",
        "x:y",
        'say "so"',
        "#",
        "a%b",
        "outputs/runs",
    ),
)


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_is_read_as_it_is_called(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (word,) = shlex.split(typed_override("resume", tmp_path / name))
    read = OverridesParser.create().parse_override(word).value()
    assert str(read) != "auto"
    assert isinstance(read, str) or "'" in word
    assert (tmp_path / str(read)).resolve() == tmp_path / name
    (word,) = shlex.split(typed_path(tmp_path / name))
    assert not word.startswith("-")
    assert Path(word).resolve() == tmp_path / name


def test_what_is_plain_stays_plain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert typed_override("resume", tmp_path / "outputs" / "a") == "resume=outputs/a"
    assert typed_override("resume", tmp_path / "a") == "resume=a"
    assert typed_override("resume", tmp_path / "2026") == "resume=./2026"
