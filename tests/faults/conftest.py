"""Faults made for real: a tier of their own, each test of this folder."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.faults import Faults
from tests.support.processes import Spawn, end, start_python
from tests.support.servers import Server, postgresql
from tests.support.small_disk import mounted


@pytest.hookimpl(tryfirst=True)  # before pytest looks at markers
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The marker is of the folder: nobody can forget it. All items of the session pass here."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.faults)


@pytest.fixture
def faults(request: pytest.FixtureRequest) -> Faults:
    return Faults(request)


@pytest.fixture
def spawn(home: Path) -> Iterator[Spawn]:
    """`python -m rnnlab.run` as a process of its own, which does not outlive the test."""
    begun: list[subprocess.Popen[str]] = []

    def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
        begun.append(start_python(home, "-m", "rnnlab.run", *arguments, **environment))
        return begun[-1]

    yield start
    for process in begun:
        end(process)


@pytest.fixture
def small_disk(home: Path) -> Iterator[Path]:
    with mounted(home / "small"):
        yield home / "small"


@pytest.fixture
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with postgresql(tmp_path_factory.mktemp("postgres")) as uri:
        yield uri


@pytest.fixture
def server(home: Path, postgres: str) -> Iterator[Server]:
    """Of PostgreSQL; not started yet."""
    made = Server(home / "server", postgres)
    yield made
    made.kill()
