"""A store that is a file of SQLite's: its URI, how it is made whole, and one that is half-made."""

import re
import time
from pathlib import Path
from shlex import quote

from sqlalchemy import inspect, text
from sqlalchemy.engine import URL, make_url

from rnnlab.foundation.here import here
from rnnlab.tracking.database import connected
from rnnlab.tracking.empty_store import make_tables

EXPERIMENTS = "experiments"  # MLflow's first table, into which it puts a row last of all
AT_REST = 3.0  # seconds without a change, after which nobody is making a store any more


def uri_of(path: Path) -> str:
    """Of an absolute path; what would be read as something else is escaped: `%`, `?`."""
    plain = f"sqlite:///{path}"
    if make_url(plain).database == str(path):
        return plain
    return URL.create("sqlite", database=str(path)).render_as_string()


def path_of(uri: str) -> Path | None:
    """The file, as SQLAlchemy reads the URI; None of a store that is no file of SQLite's."""
    if not re.match(r"sqlite(\+\w+)?://", uri):
        return None
    database = make_url(uri).database or ""
    return None if database in ("", ":memory:") or database.startswith("file:") else Path(database)


def absolute(uri: str) -> str:
    """A relative file is meant from where the user stood."""
    path = path_of(uri)
    if path is None or path.is_absolute():
        return uri
    _, mark, options = uri.partition("?")
    return f"{uri_of(here() / path)}{mark}{options}"


def make_if_new(path: Path) -> None:
    """Have MLflow make a store in a file beside, which gets the name once it is whole.

    Whoever calls it has the store to itself, among processes of rnnlab.

    Raises:
        Exception: As SQLAlchemy, MLflow or the disk do.
    """
    _keep_folders_as_they_are()
    if path.exists() and _tables(path):
        return
    from mlflow.store.tracking import DEFAULT_LOCAL_FILE_AND_ARTIFACT_PATH
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    path = path.resolve()  # a link stays one
    beside = path.with_name(f".{path.name}.new")
    for leftover in (beside, beside.with_name(f"{beside.name}-journal")):
        leftover.unlink(missing_ok=True)  # of a process that was killed
    make_tables(beside, uri_of(beside))
    made = SqlAlchemyStore(uri_of(beside), DEFAULT_LOCAL_FILE_AND_ARTIFACT_PATH)
    made.engine.dispose()
    beside.replace(path)


def refuse_half_made(path: Path) -> None:
    """One whose making was stopped, as older versions left it; MLflow goes on with none such.

    Another program that is making it, as `mlflow ui`, is given its time.

    Raises:
        ValueError: That says what to do.
        SQLAlchemyError: For what is no file of SQLite's.
    """
    while half_made := _is_half_made(path):
        if abs(time.time() - path.stat().st_mtime) > AT_REST:
            break
        time.sleep(0.2)
    if half_made:
        raise ValueError(
            f"tracking.uri={uri_of(path)} was left half-made, with no run in it: "
            f"mv {quote(str(path))} {quote(f'{path}.old')}, and a run makes it anew"
        )


def _is_half_made(path: Path) -> bool:
    """Whether it has MLflow's tables, and not what is put into them last: the first experiment."""
    with connected(uri_of(path)) as store:
        if EXPERIMENTS not in inspect(store).get_table_names():
            return False
        return store.execute(text(f"SELECT 1 FROM {EXPERIMENTS}")).first() is None


def is_mlflows(path: Path) -> bool:
    """Whether MLflow has its tables in it."""
    _keep_folders_as_they_are()
    return EXPERIMENTS in _tables(path)


def _tables(path: Path) -> list[str]:
    with connected(uri_of(path)) as store:
        return inspect(store).get_table_names()


def _keep_folders_as_they_are() -> None:
    """MLflow makes the folder of a URI as it is spelled: of `a%2520b` one beside the folder `a%20b`."""
    import mlflow.store.db.utils as database

    database._make_parent_dirs_if_sqlite = _make_parents  # pyrefly: ignore[bad-assignment]


def _make_parents(uri: str) -> None:
    if (path := path_of(uri)) is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
