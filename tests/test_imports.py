"""The plan of the house: which package may import which. Oracle: the import statements themselves."""

import ast
from collections import defaultdict
from pathlib import Path

import pytest

import rnnlab

ROOT = Path(rnnlab.__file__).parent

# A package imports only what stands above it.
PACKAGES = (
    *("foundation", "kernels", "tasks", "cells", "training", "tracking", "diagnostics"),
    *("report", "runs", "prediction", "sweeps"),
)
COMMANDS = {"run", "evaluate", "predict", "export", "compare", "sync"}


def modules() -> dict[str, Path]:
    """Every module of rnnlab by its dotted name."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imports(source: str, names: set[str]) -> set[str]:
    """The modules among `names` that a source imports, also within functions and for types alone."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import"
            assert node.module is not None
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (inner & names) or {node.module}
    return found & names


GRAPH = {name: imports(path.read_text("utf-8"), set(MODULES)) for name, path in MODULES.items()}


def package(module: str) -> str:
    """The package below rnnlab that a module is in; its own name where it stands at the top."""
    return module.partition(".")[2].partition(".")[0]


def test_at_the_top_stand_the_commands_alone() -> None:
    here = {path.name for path in ROOT.iterdir() if not path.name.startswith((".", "__"))}
    assert here - {"conf", "README.md", "TOUR.md"} == {
        *PACKAGES,
        *(f"{name}.py" for name in COMMANDS),
    }


@pytest.mark.parametrize("module", MODULES)
def test_a_package_imports_what_stands_above_it(module: str) -> None:
    own = package(module)
    if own not in PACKAGES:
        return  # a command imports what it likes
    allowed = {"", *PACKAGES[: PACKAGES.index(own) + 1]}
    below = {other for other in GRAPH[module] if package(other) not in allowed}
    assert not below, f"{module} imports {', '.join(sorted(below))}"


def test_no_module_imports_itself_by_others() -> None:
    """Depth first; a package's __init__ imports what it exports, and what it exports never it."""
    done: set[str] = set()

    def visit(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, " -> ".join((*way[way.index(module) :], module))
        if module not in done:
            for other in sorted(GRAPH[module]):
                visit(other, (*way, module))
            done.add(module)

    for module in MODULES:
        visit(module, ())


def test_no_two_classes_of_one_name() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for module, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(module)
    assert not {name: found for name, found in places.items() if len(found) > 1}


def test_what_is_read_is_what_is_there() -> None:
    """Else the tests above would pass on nothing: three imports that are known, in three forms."""
    known = {"rnnlab.a", "rnnlab.a.b", "rnnlab.c"}
    source = "import rnnlab.c\ndef f():\n    from rnnlab.a import b, other\n"
    assert imports(source, known) == {"rnnlab.c", "rnnlab.a.b"}
    assert imports("from rnnlab.a.b import thing", known) == {"rnnlab.a.b"}
    assert "rnnlab.foundation.checks" in GRAPH["rnnlab.tasks.marked_numbers"]
    assert len(MODULES) > 80
