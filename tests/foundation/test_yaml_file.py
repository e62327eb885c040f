"""Oracle: what PyYAML reads."""

from pathlib import Path

import pytest
import yaml

from rnnlab.foundation.yaml_file import read_yaml, refuse_bomb, sealed, write_yaml

ANCHORS = """
base: &base {lr: 1e-3, steps: [1, 2, 3]}
one: {<<: *base, seed: 0}
two: *base
"""


def test_a_checksum_is_a_line_that_yaml_passes_over(tmp_path: Path) -> None:
    path, shared = tmp_path / "x.yaml", {"a": [1, 2.5, None, "ü: x"]}
    content = {"b": shared, "a": shared}
    write_yaml(path, content)
    text = path.read_text("utf-8")
    assert yaml.safe_load(text) == read_yaml(path) == content
    assert list(read_yaml(path)) == ["b", "a"]
    assert sealed(text) == text  # once is enough
    assert text.splitlines()[-1].startswith("# sha256 ")
    for bare in ("a: 1", "a: 1\n"):
        path.write_text(sealed(bare))
        assert read_yaml(path) == {"a": 1}


def test_a_file_without_one(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("[a, b]\n")
    with pytest.raises(ValueError, match=r"x\.yaml cannot be read: it has no checksum"):
        read_yaml(path)
    assert read_yaml(path, must=False) == ["a", "b"]
    path.write_text(sealed(ANCHORS))
    with pytest.raises(ValueError, match=r"it has an alias, \*base, which rnnlab writes none of"):
        read_yaml(path)


def test_a_users_own_may_have_aliases(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    for text in (ANCHORS, "", "a: !!python/name:os.system x\n", "a: [\n"):  # told by its reader
        path.write_text(text)
        refuse_bomb(path)
