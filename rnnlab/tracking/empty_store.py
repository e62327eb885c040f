"""The tables of a new store: MLflow makes them once on a machine, in two seconds, and then they are copied.

A copy is what the MLflow that is installed has made: it is kept by the digest of all of MLflow's
source for stores, and MLflow looks whether it is of its revision, as it does at any store.
"""

import hashlib
import sqlite3
from importlib.metadata import version
from pathlib import Path

from rnnlab.foundation import cache


def make_tables(path: Path, uri: str) -> None:
    """Into a new file of SQLite's, at `path`, whose URI is `uri`.

    Raises:
        Exception: As SQLAlchemy, MLflow or the disk do.
    """
    kept = cache.path_of(f"empty store: {_made_by()}")
    if (tables := cache.read(kept)) is not None:
        path.write_bytes(tables)
        return
    import mlflow.store.db.utils as database

    engine = database.create_sqlalchemy_engine_with_retry(uri)
    database._initialize_tables(engine)
    engine.dispose()
    cache.write(kept, path.read_bytes())


def _made_by() -> str:
    """All that the tables depend on."""
    import mlflow.store

    folder = Path(mlflow.store.__path__[0])
    source = hashlib.sha256()
    for file in sorted(folder.rglob("*.py")):
        source.update(f"{file.relative_to(folder)} {file.stat().st_size}\n".encode())
        source.update(file.read_bytes())
    versions = [f"{name} {version(name)}" for name in ("mlflow", "sqlalchemy", "alembic")]
    return f"{source.hexdigest()}, {', '.join(versions)}, sqlite {sqlite3.sqlite_version}"
