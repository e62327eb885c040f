"""Where MLflow keeps the runs: found, reached or refused before anything trains."""

import contextlib
import os
import shlex
import socket
import time
from pathlib import Path
from urllib.parse import urlparse

from filelock import FileLock
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from requests import RequestException
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from rnnlab.foundation.here import here
from rnnlab.foundation.masking import MASK, first_line, masked
from rnnlab.tracking.database import is_database, knock
from rnnlab.tracking.sqlite_file import (
    absolute,
    is_mlflows,
    make_if_new,
    path_of,
    refuse_half_made,
    uri_of,
)
from rnnlab.tracking.ui_view import View, share

# What a store may raise that is slow, down, full or gone.
FAILURES = (MlflowException, RequestException, SQLAlchemyError, OSError)

# What MLflow makes of a connection that is refused or cut, and of a server's 5xx.
AWAY = ("INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED")

DEFAULT_PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "mssql": 1433}


class UnreachableError(ValueError):
    """A store that does not answer now, and may later."""


def default_uri() -> str:
    """The store that `mlflow ui` opens by itself: mlflow.db where the user stands."""
    return uri_of(here() / "mlflow.db")


def artifacts_folder() -> Path:
    """Where a store that is a file keeps artifacts, if it is made here."""
    return here() / "outputs" / "artifacts"


def tracking_uri(uri: str | None) -> str:
    """`uri`, or else $MLFLOW_TRACKING_URI, or else the default."""
    return absolute(uri or os.environ.get("MLFLOW_TRACKING_URI") or default_uri())


def open_store(uri: str, experiment: str) -> tuple[MlflowClient, str]:
    """A client of the store, and the id of the experiment in it, made if it is new.

    Raises:
        UnreachableError: If the store does not answer.
        ValueError: If it cannot be used, or the experiment has been deleted.
    """
    _reach(uri)
    try:
        uri.encode()
    except UnicodeEncodeError as error:  # a folder whose name is no text
        raise ValueError(f"tracking.uri={uri!a} cannot be used: it is not UTF-8") from error
    try:
        if (path := path_of(uri)) is None:
            if is_database(uri):
                knock(uri)
            client = _client(uri)
            return client, _experiment_id(client, experiment, artifacts=None)
        if path.exists():
            refuse_half_made(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        # Several processes that make the tables of one new file at once destroy each other's.
        with FileLock(path.with_name(f".{path.name}.lock")):
            make_if_new(path)
            client = MlflowClient(uri)
            return client, _experiment_id(client, experiment, artifacts_folder().as_uri())
    except (*FAILURES, ImportError) as error:
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
    path = path_of(uri)
    if path is not None and not path.exists():
        raise ValueError(f"tracking.uri={uri} does not exist")
    try:
        if path is not None:
            refuse_half_made(path)
            if not is_mlflows(path):
                raise ValueError(f"tracking.uri={uri} is no store of MLflow's")
        elif is_database(uri):
            knock(uri)
    except (*FAILURES, ImportError) as error:
        message = f"tracking.uri={masked(uri)} cannot be used: {first_line(error)}"
        raise ValueError(message) from error
    return MlflowClient(uri)


def known_id(client: MlflowClient, run_id: str) -> str:
    """A run's id, if the store has it: one that it got in another store says nothing here."""
    try:
        return run_id and client.get_run(run_id).info.run_id
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return ""
        raise


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
        lines.append(f"served by   {_serving(uri)}")
    return "\n".join(lines)


def _serving(uri: str) -> str:
    """The command that serves a local store; where a password is masked, the user has to set it."""
    if uri == default_uri():
        return "mlflow ui"
    if MASK in masked(uri):
        variable = '"$MLFLOW_TRACKING_URI"'
        return f"mlflow ui --backend-store-uri {variable}, once that is {masked(uri)}"
    return f"mlflow ui --backend-store-uri {shlex.quote(uri)}"


def _is_away(uri: str, error: Exception) -> bool:
    """Whether a store with a host failed as one that is down or starting does."""
    if isinstance(error, MlflowException):
        return uri.startswith("http") and error.error_code in AWAY
    return not uri.startswith("sqlite") and isinstance(error, RequestException | OperationalError)


def _reach(uri: str) -> None:
    """Knock once at a store that has a host: MLflow itself would retry for minutes."""
    # The journal has what a server misses; waiting for one in vain costs the run time. And a run
    # that is asked for a second time, where the first answer was late, would be there twice.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
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
