"""Where MLflow keeps the runs: found, reached or refused before anything trains."""

import contextlib
import os
import socket
import time
from pathlib import Path
from urllib.parse import urlparse

from filelock import FileLock
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from requests import RequestException
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from rnnlab.foundation.masking import first_line, masked
from rnnlab.tracking.ui_view import View, share

# What a store may raise that is slow, down, full or gone.
FAILURES = (MlflowException, RequestException, SQLAlchemyError, OSError)

# What MLflow makes of a connection that is refused or cut, and of a server's 5xx.
AWAY = ("INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED")

DEFAULT_PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "mssql": 1433}


class UnreachableError(ValueError):
    """A store that does not answer now, and may later."""


def default_uri() -> str:
    """The store that `mlflow ui` opens by itself: mlflow.db in the current folder."""
    return f"sqlite:///{Path.cwd()}/mlflow.db"


def tracking_uri(uri: str | None) -> str:
    """`uri`, or else $MLFLOW_TRACKING_URI, or else the default."""
    return uri or os.environ.get("MLFLOW_TRACKING_URI") or default_uri()


def open_store(uri: str, experiment: str) -> tuple[MlflowClient, str]:
    """A client of the store, and the id of the experiment in it, made if it is new.

    Raises:
        UnreachableError: If the store does not answer.
        ValueError: If it cannot be used, or the experiment has been deleted.
    """
    # The journal has what a server misses; waiting for one in vain costs the run time. And a run
    # that is asked for a second time, where the first answer was late, would be there twice.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
    _reach(uri)
    try:
        if not uri.startswith("sqlite:///"):
            client = _client(uri)
            return client, _experiment_id(client, experiment, artifacts=None)
        # Several processes that make the tables of one new file at once destroy each other's.
        with FileLock(_lock_path(uri)):
            client = MlflowClient(uri)
            artifacts = (Path.cwd() / "outputs" / "artifacts").as_uri()
            return client, _experiment_id(client, experiment, artifacts)
    except FAILURES as error:
        kind = UnreachableError if _is_away(uri, error) else ValueError
        raise kind(f"tracking.uri={masked(uri)} cannot be used: {first_line(error)}") from error


def _client(uri: str, patience: int = 10) -> MlflowClient:
    """Of a store with a host. Several that make the tables of one new database at once trip up."""
    while True:
        try:
            return MlflowClient(uri)
        except FAILURES as error:
            message = str(error).lower()
            patience -= 1
            if patience == 0 or not any(
                word in message for word in ("already exists", "duplicate")
            ):
                raise
            time.sleep(1)


def existing_store(uri: str) -> MlflowClient:
    """A client of a store that is there already; nothing is made.

    Raises:
        ValueError: If there is none, or it does not answer.
    """
    _reach(uri)
    if uri.startswith("sqlite:///") and not Path(uri.removeprefix("sqlite:///")).exists():
        raise ValueError(f"tracking.uri={uri} does not exist")
    return MlflowClient(uri)


def show(client: MlflowClient, experiment_id: str, view: View) -> None:
    """Let MLflow's UI show an experiment as the view says."""
    with contextlib.suppress(*FAILURES):  # a store that takes no tag has no view, and all else
        share(client, experiment_id, view)


def ui_links(uri: str, experiment_id: str, run_id: str, view: View) -> str:
    """Where MLflow's UI shows a run, and a view of all; for a local store, what serves the pages.

    in MLflow
    http://127.0.0.1:5000/#/experiments/1/runs/...
    compare
    http://127.0.0.1:5000/#/experiments/1/runs?...
    served by   mlflow ui
    """
    # Without the query, which takes them beyond 80 columns, MLflow's UI shows its pages for
    # language-model evaluations. So each has a line of its own.
    page = f"/#/experiments/{experiment_id}/runs/{run_id}?workflowType=machine_learning"
    local = not uri.startswith("http")
    server = "http://127.0.0.1:5000" if local else masked(uri).rstrip("/")
    lines = ["in MLflow", f"{server}{page}", "compare", f"{server}{view.page(experiment_id)}"]
    if local:
        store = "" if uri == default_uri() else f" --backend-store-uri {masked(uri)}"
        lines.append(f"served by   mlflow ui{store}")
    return "\n".join(lines)


def _is_away(uri: str, error: Exception) -> bool:
    """Whether a store with a host failed as one that is down or starting does."""
    if isinstance(error, MlflowException):
        return uri.startswith("http") and error.error_code in AWAY
    return not uri.startswith("sqlite") and isinstance(error, RequestException | OperationalError)


def _lock_path(uri: str) -> Path:
    database = Path(uri.removeprefix("sqlite:///"))
    return database.with_name(f".{database.name}.lock")


def _reach(uri: str) -> None:
    """Knock once at a store that has a host: MLflow itself would retry for minutes."""
    parsed = urlparse(uri)
    if not parsed.hostname:
        return
    port = parsed.port or DEFAULT_PORTS.get(parsed.scheme.partition("+")[0])
    if port is None:
        return
    try:
        socket.create_connection((parsed.hostname, port), timeout=5).close()
    except OSError as error:
        raise UnreachableError(
            f"tracking.uri={masked(uri)} does not answer: {error.strerror or error}"
        ) from error


def _experiment_id(client: MlflowClient, name: str, artifacts: str | None) -> str:
    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return client.create_experiment(name, artifact_location=artifacts)
        except MlflowException:
            found = client.get_experiment_by_name(name)  # made by another process meanwhile?
            if found is None:
                raise
    if found.lifecycle_stage == "deleted":
        raise ValueError(
            f"tracking.experiment={name!r} has been deleted: choose another name, or run "
            f"mlflow experiments restore --experiment-id {found.experiment_id}"
        )
    return found.experiment_id
