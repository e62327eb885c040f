"""A store in a file: named, made, and recognised. Oracle: SQLite's own, asked for the file by its path."""

import os
import shutil
import sqlite3
import threading
from pathlib import Path

import mlflow.store.db.utils
import pytest
from mlflow import MlflowClient
from mlflow.store.tracking.dbmodels.initial_models import Base
from sqlalchemy import create_engine

from rnnlab.compare import main as compare
from rnnlab.foundation.here import standing_in
from rnnlab.tracking import empty_store as kept_tables
from rnnlab.tracking.sqlite_file import absolute, path_of, uri_of
from rnnlab.tracking.store import (
    artifacts_folder,
    default_uri,
    existing_store,
    open_store,
    tracking_uri,
)
from tests.support.command import QUICK, Command

NAMES = ("pct%20x", "pct%", "100%25", "a?b", "a#b", "a b", "ü", "a[b]", "a&b=c;d", "a'b", 'a"b')


@pytest.fixture
def half_made(home: Path) -> Path:
    """A store of which MLflow has made the first tables, and was killed, long ago."""
    path = home / "mlflow.db"
    path.unlink()
    engine = create_engine(f"sqlite:///{path}")
    Base.metadata.create_all(engine)
    engine.dispose()
    os.utime(path, (0, 0))
    return path


@pytest.mark.parametrize("name", NAMES)
def test_any_folder_will_do(
    name: str, tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside it nothing is made, under a name as the URI spells it."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    folder = tmp_path / name
    folder.mkdir()
    shutil.copy(empty_store, folder / "mlflow.db")
    monkeypatch.chdir(folder)
    client, experiment = open_store(default_uri(), "mine")
    client.create_run(experiment, run_name="found")
    with sqlite3.connect(folder / "mlflow.db") as database:
        assert database.execute("SELECT name FROM runs").fetchall() == [("found",)]
    assert existing_store(tracking_uri(None)).get_experiment_by_name("mine") is not None
    assert tracking_uri("sqlite:///mlflow.db") == default_uri()
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", NAMES)
def test_a_uri_leads_back_to_its_path(name: str) -> None:
    assert path_of(uri_of(Path("/x", name, "my.db"))) == Path("/x", name, "my.db")


@pytest.mark.parametrize(
    ("uri", "meant"),
    [
        ("sqlite:///mine.db", "sqlite:////stood/mine.db"),
        ("sqlite+pysqlite:///a/mine.db?timeout=9", "sqlite:////stood/a/mine.db?timeout=9"),
        ("sqlite:////other/mine.db", "sqlite:////other/mine.db"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
        ("http://there:5000", "http://there:5000"),
        ("postgresql://u@there/db", "postgresql://u@there/db"),
    ],
)
def test_a_relative_file_is_meant_from_where_the_user_stood(uri: str, meant: str) -> None:
    with standing_in(Path("/stood")):
        assert absolute(uri) == meant


@pytest.mark.usefixtures("_no_second_try")
@pytest.mark.parametrize("kind", ["a folder", "a text"])
def test_what_is_no_store_is_refused_at_once(kind: str, command: Command, home: Path) -> None:
    path = home / "mine"
    path.mkdir() if kind == "a folder" else path.write_text(
        "no database, but a text of some length"
    )
    before = sorted(home.rglob("*"))
    why = "unable to open database file" if kind == "a folder" else "file is not a database"
    refused = command("tracking.uri=sqlite:///mine")
    assert refused.status == 2
    assert f"tracking.uri=sqlite:///{path} cannot be used: " in refused.err
    assert why in refused.err
    assert len(refused.err.splitlines()) == 1
    with pytest.raises(ValueError, match=f"tracking.uri=.*/mine cannot be used: .*{why}"):
        existing_store(f"sqlite:///{path}")
    assert sorted(home.rglob("*")) == before


@pytest.fixture
def no_copy(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of what is kept for the next process, empty."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder


def test_a_new_one_is_made_beside(
    tmp_path: Path, no_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under its own name there is nothing until there is all; a link stays one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "far").mkdir()
    (tmp_path / "mine.db").symlink_to(tmp_path / "far" / "real.db")
    (tmp_path / "far" / ".real.db.new").write_text("left by one that was killed")
    seen = []
    make = mlflow.store.db.utils._initialize_tables

    def look(engine: object) -> None:
        make(engine)
        seen.append(sorted(path.name for path in (tmp_path / "far").iterdir()))

    monkeypatch.setattr(mlflow.store.db.utils, "_initialize_tables", look)
    client, _ = open_store(f"sqlite:///{tmp_path}/mine.db", "mine")
    assert seen == [[".real.db.new"]]
    assert sorted(path.name for path in (tmp_path / "far").iterdir()) == ["real.db"]
    assert (tmp_path / "mine.db").is_symlink()
    assert {found.name for found in client.search_experiments()} == {"Default", "mine"}


def dump(path: Path) -> list[list[str]]:
    """All that is in it, but for the time at which an experiment was made.

    MLflow makes the indices of a table, and lists its constraints, in any order.
    """
    with sqlite3.connect(path) as store:
        store.execute("UPDATE experiments SET creation_time = 0, last_update_time = 0")
        return sorted(
            sorted(line.strip(" ,\t") for line in statement.splitlines())
            for statement in store.iterdump()
        )


@pytest.mark.slow
def test_a_copy_of_the_tables_is_what_mlflow_makes(
    tmp_path: Path, no_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Oracle: a store that MLflow has made itself. A damaged copy, or another MLflow's, is none."""
    monkeypatch.chdir(tmp_path)
    made: list[object] = []
    make = mlflow.store.db.utils._initialize_tables

    def look(engine: object) -> None:
        make(engine)
        made.append(engine)

    monkeypatch.setattr(mlflow.store.db.utils, "_initialize_tables", look)
    for name in ("first", "second"):
        open_store(uri_of(tmp_path / f"{name}.db"), "mine")
    assert len(made) == 1
    MlflowClient(uri_of(tmp_path / "itself.db")).create_experiment(
        "mine", artifacts_folder().as_uri()
    )
    assert len(made) == 2
    whole = dump(tmp_path / "itself.db")
    assert [dump(tmp_path / f"{name}.db") for name in ("first", "second")] == [whole, whole]
    (kept,) = (no_copy / "rnnlab").iterdir()
    kept.write_bytes(kept.read_bytes()[:-1])
    open_store(uri_of(tmp_path / "third.db"), "mine")
    monkeypatch.setattr(kept_tables, "_made_by", lambda: "another")
    open_store(uri_of(tmp_path / "fourth.db"), "mine")
    assert len(made) == 4
    assert [dump(tmp_path / f"{name}.db") for name in ("third", "fourth")] == [whole, whole]


def test_a_half_made_one_is_recognised(
    half_made: Path, command: Command, capfd: pytest.CaptureFixture[str]
) -> None:
    """By each command, which says what to do; nothing is changed."""
    before = half_made.read_bytes()
    told = f"was left half-made, with no run in it: mv {half_made} {half_made}.old, and a run makes"
    for arguments in (QUICK, (f"resume={'0' * 32}",), ("-m", "seed=0,1", *QUICK)):
        refused = command(*arguments)
        assert refused.status == 2
        assert told in refused.err
        assert len(refused.err.splitlines()) == 1
    with pytest.raises(SystemExit) as ended:
        compare([])
    assert ended.value.code == 2
    assert told in capfd.readouterr().err
    assert half_made.read_bytes() == before
    assert [path.name for path in half_made.parent.iterdir()] == [half_made.name]


def test_one_that_another_program_is_making_is_waited_for(
    half_made: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.utime(half_made)
    looked = threading.Event()

    def sleep(seconds: float) -> None:  # as it waits, the other has done
        shutil.copy(empty_store, half_made)
        looked.set()

    monkeypatch.setattr("rnnlab.tracking.sqlite_file.time.sleep", sleep)
    assert isinstance(open_store(default_uri(), "mine")[0], MlflowClient)
    assert looked.is_set()


def test_a_database_of_others_is_no_store(tmp_path: Path) -> None:
    path = tmp_path / "theirs.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE theirs (x)")
    os.utime(path, (0, 0))
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"theirs\.db is no store of MLflow's"):
        existing_store(f"sqlite:///{path}")
    assert path.read_bytes() == before
