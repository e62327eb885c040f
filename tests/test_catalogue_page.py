"""The catalogue's tables, pages and pictures are what scripts/catalogue makes of the classes."""

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

from rnnlab.run import CONF

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / ".readme" / "tasks"
GROUPS = [("cell", ROOT / "rnnlab" / "cells"), ("task", ROOT / "rnnlab" / "tasks")]

pytestmark = pytest.mark.slow  # each choice is composed


@pytest.fixture(scope="module")
def catalogue() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(ROOT / "scripts"), *sys.path])
        return importlib.import_module("pages.catalogue")


@pytest.mark.parametrize(("group", "folder"), GROUPS, ids=["cell", "task"])
def test_a_page_is_what_the_script_makes(catalogue: ModuleType, group: str, folder: Path) -> None:
    """Where it is not: scripts/catalogue writes it anew."""
    pictures = Path("../../.readme/tasks") if group == "task" else None
    made = catalogue.page(CONF, group, pictures)
    assert (folder / "CATALOGUE.md").read_text("utf-8") == made


@pytest.mark.parametrize(("group", "folder"), GROUPS, ids=["cell", "task"])
def test_a_table_is_what_the_script_makes(catalogue: ModuleType, group: str, folder: Path) -> None:
    table = catalogue.cells_table(CONF) if group == "cell" else catalogue.tasks_table(CONF)
    text = (folder / "README.md").read_text("utf-8")
    assert catalogue.with_table(text, table) == text
    choices = [*(CONF / group).glob("*.yaml")]
    assert all(f"| `{path.stem}`" in text for path in choices)
    front = (ROOT / "README.md").read_text("utf-8")
    assert f"| [{folder.name}](rnnlab/{folder.name}/README.md) | {len(choices)}: " in front


def test_a_picture_shows_what_a_task_is_now(catalogue: ModuleType) -> None:
    """Of data of another version of Python or of a package it may be another sequence."""
    drawn = set()
    for choice in catalogue.choices(CONF, "task"):
        batch = catalogue.sequence_of(choice)
        if batch is None:
            continue
        drawn.add(f"{choice.name}.png")
        with Image.open(PICTURES / f"{choice.name}.png") as image:
            says = image.info[catalogue.DIGEST]
        if not catalogue.read_task(choice.plain).data:
            assert says == catalogue.digest(batch), choice.name
    assert drawn == {path.name for path in PICTURES.iterdir()}


def test_what_is_said_of_an_lstm(catalogue: ModuleType) -> None:
    """By hand: h and c; 4 H (D + H) weights and 4 H biases twice; D = 2, H = 64."""
    (row,) = [
        line for line in catalogue.cells_table(CONF).splitlines() if line.startswith("| `lstm` ")
    ]
    _, _, _, state, weights, work, depth, _ = map(str.strip, row.split("|"))
    assert (state, weights) == ("2 H", str(4 * 64 * (2 + 64) + 2 * 4 * 64))
    assert (work, depth) == ("H^2", "T")
