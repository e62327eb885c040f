"""How the tests lie. Oracle: their own sources and names."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
MODULES = sorted(TESTS.rglob("test_*.py"))


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports, and every name that could be a module."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            within = "." * node.level + (node.module or "")
            yield within
            yield from (f"{within}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(TESTS)))
def test_what_tests_share_is_in_support(path: Path) -> None:
    """No test module imports another one, nor a conftest."""
    others = {module.stem for module in MODULES} | {"conftest"}
    for name in imported(path):
        assert not others & set(name.split(".")), name


def test_no_two_test_modules_have_one_name() -> None:
    names = Counter(path.name for path in MODULES)
    assert [name for name, count in names.items() if count > 1] == []


def test_the_faults_are_a_tier_of_their_own(request: pytest.FixtureRequest) -> None:
    """Whatever this session collected: the marker goes by the folder."""
    for item in request.session.items:
        of_faults = item.path.is_relative_to(TESTS / "faults")
        assert (item.get_closest_marker("faults") is not None) == of_faults, item.nodeid
