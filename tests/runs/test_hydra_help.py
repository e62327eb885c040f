"""Oracle: folders of yaml written for the purpose."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from rnnlab.runs.hydra_help import options, register_options, what_it_is


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    files = {
        "own/cell/b.yaml": "# The second\n_target_: x # no\n# Later\n",
        "own/cell/a.yaml": "# @package _global_\n#   The first   \nsize: 1\n",
        "own/cell/silent.yaml": "size: 1 # not a line of its own\n",
        "own/cell/empty.yaml": "",
        "own/cell/notes.txt": "# No option\n",
        "own/cell/deeper/c.yaml": "# Of another group\n",
        "own/task/adding.yaml": "# A task\n",
        "user/cell/mine.yaml": "size: 1\n# Résumé · of mine\n",
        "user/cell/b.yaml": "# The second, as the user has it\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return [tmp_path / "own", tmp_path / "user"]


def test_each_yaml_with_its_first_comment(folders):
    expected = {"a": "The first", "b": "The second", "empty": "", "silent": ""}
    found = options(folders[:1], "cell")
    assert found == expected
    assert list(found) == sorted(expected)


def test_further_folders_add_their_own(folders):
    found = options(iter(folders), "cell")
    assert found["mine"] == "Résumé · of mine"
    assert found["a"] == "The first"
    assert found["b"] == "The second"  # of two of one name Hydra composes the first
    assert len(found) == 5
    assert options(folders, "task") == {"adding": "A task"}


def test_what_a_choice_is(folders: list[Path]) -> None:
    """Read of its own yaml alone: another one, which cannot be read, is no matter of its."""
    (folders[1] / "cell" / "a.yaml").mkdir()
    assert what_it_is(folders, "cell", "mine") == "Résumé · of mine"
    assert what_it_is(folders, "cell", "b") == "The second"
    assert what_it_is(folders, "cell", "deeper/c") == "Of another group"
    assert what_it_is(folders, "cell", "nowhere") == ""


def test_a_group_that_is_not_there_has_no_choices(folders):
    assert options(folders, "clip") == {}
    assert options([], "cell") == {}
    assert options([folders[0] / "nowhere"], "cell") == {}


@pytest.fixture
def resolver() -> Iterator[None]:
    """The resolver that there was before, if any, comes back."""
    before = OmegaConf.has_resolver("options")
    yield
    if not before:
        OmegaConf.clear_resolver("options")


@pytest.mark.usefixtures("resolver")
def test_the_resolver_lists_one_choice_a_line(folders):
    register_options(folders[:1])
    register_options(folders)  # again, as a second call of main would
    text = OmegaConf.create({"help": "${options:cell}"}).help
    assert text.splitlines() == [
        "  a                The first",
        "  b                The second",
        "  empty            ",
        "  silent           ",
        "  mine             Résumé · of mine",
    ]
