"""A database as MLflow connects to it, but at once or not at all: MLflow itself tries for two minutes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection

KINDS = ("sqlite", "postgresql", "mysql", "mssql")


@contextmanager
def connected(uri: str) -> Iterator[Connection]:
    """A connection for a while.

    Raises:
        SQLAlchemyError: As the database says.
        ImportError: If what speaks to it is not installed.
    """
    import mlflow.store.db.utils as database  # slow, and a server with a web address needs none

    engine: Any = database.create_sqlalchemy_engine(uri)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def is_database(uri: str) -> bool:
    """Whether it names one, and no server with a web address."""
    return uri.partition(":")[0].partition("+")[0] in KINDS


def knock(uri: str) -> None:
    """See that it answers; raises as `connected` does."""
    with connected(uri):
        pass
