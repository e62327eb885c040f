"""A database that refuses is told of at once. Oracle: MLflow's ten tries, none of which is made."""

import socket
import threading
from collections.abc import Iterator

import pytest

from rnnlab.tracking.store import UnreachableError, existing_store, open_store


@pytest.fixture
def hangs_up() -> Iterator[str]:
    """The URI of what takes a connection, and ends it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    listener.accept()[0].close()
                except OSError:
                    return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"postgresql+psycopg2://me:secret@127.0.0.1:{listener.getsockname()[1]}/mine"
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


@pytest.mark.usefixtures("_no_second_try")
def test_one_that_hangs_up(hangs_up: str) -> None:
    """It may answer later, so that a run begins all the same; a comparison cannot."""
    with pytest.raises(UnreachableError, match=r"me:\*\*\*@127.* cannot be used: .*connection"):
        open_store(hangs_up, "mine")
    with pytest.raises(ValueError, match=r"me:\*\*\*@127.* cannot be used: .*connection"):
        existing_store(hangs_up)


@pytest.mark.usefixtures("_no_second_try")
def test_one_that_nothing_here_speaks_to(hangs_up: str) -> None:
    with pytest.raises(ValueError, match="cannot be used: No module named 'MySQLdb'"):
        open_store(hangs_up.replace("postgresql+psycopg2", "mysql"), "mine")
