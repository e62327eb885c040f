"""conf/README.md has every key. Oracle: the composed config, and the yaml files themselves."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from rnnlab.run import CONF
from tests.support.configs import composed, leaves, plain

ROOT = Path(__file__).parents[1]
YAMLS = sorted(path for path in CONF.rglob("*.yaml") if path.parent.name != "help")


@pytest.fixture(scope="module")
def keys() -> ModuleType:
    spec = importlib.util.spec_from_file_location("keys", ROOT / "scripts" / "pages" / "keys.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_the_script_makes(keys: ModuleType) -> None:
    """Where it is not: scripts/keys writes it anew."""
    assert (CONF / "README.md").read_text("utf-8") == keys.page(CONF)


@pytest.mark.parametrize("path", YAMLS, ids=lambda path: str(path.relative_to(CONF)))
def test_every_key_says_what_it_means(keys: ModuleType, path: Path) -> None:
    found = keys.keys(path)
    for key in found:
        assert key.comment or not key.value, f"{path}: {key.name} has no comment"
    lines = path.read_text("utf-8").splitlines()
    written = [line for line in lines if re.match(r"^ *(?!_target_|defaults)[\w-]+:", line)]
    assert len(found) == len(written)  # none is passed over


def test_every_key_of_a_run_is_on_the_page() -> None:
    page = (CONF / "README.md").read_text("utf-8")
    for key in leaves(plain(composed())):
        if not key.endswith("_target_") and key != "schedule":
            assert f"| `{key}` |" in page, key
    for path in YAMLS:
        group = str(path.parent.relative_to(CONF))
        assert group == "." or f"### `{group}={path.stem}`" in page


def test_a_yaml_by_hand(keys: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(
        "# @package _global_\n# What it is\ndefaults:\n  - x\n_target_: m.C\nsize: 3 # how large\n"
        "inner: # of more\n  gain: [1, 2] # two # of them\n  other: a | b\nlast: '#' # a sign\n"
    )
    assert keys.description(path) == "What it is"
    assert [tuple(key) for key in keys.keys(path)] == [
        ("size", "3", "how large"),
        ("inner", "", "of more"),
        ("inner.gain", "[1, 2]", "two # of them"),
        ("inner.other", "a | b", ""),
        ("last", "'#'", "a sign"),
    ]
