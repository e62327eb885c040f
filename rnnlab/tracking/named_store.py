"""The store that a run's own files name: used where that can do no harm, or else to be named again.

Such files may come from anywhere. A store is made, and signed in to, only where the user's own words
point: `--uri`, `tracking.uri`, MLFLOW_TRACKING_URI, or mlflow.db in the current folder.
"""

from pathlib import Path
from shlex import quote as quote_word
from urllib.parse import urlparse

from mlflow import MlflowClient
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.store.artifact.mlflow_artifacts_repo import MlflowArtifactsRepository
from mlflow.tracking._tracking_service.utils import _artifact_repos_cache
from mlflow.utils.credentials import get_default_host_creds
from mlflow.utils.file_utils import local_file_uri_to_path
from requests.utils import get_netrc_auth
from sqlalchemy.exc import SQLAlchemyError

from rnnlab.foundation.masking import MASK, masked
from rnnlab.tracking.sqlite_file import absolute, is_mlflows, path_of
from rnnlab.tracking.store import artifacts_folder, tracking_uri

_BY_FILES: set[str] = set()
"""Stores that this process uses, and that the files of runs alone have named."""


def store_of(known: str, option: str) -> str:
    """The store that a run, or a sweep, had, if it may be used unasked.

    Args:
        known: As its files have it, without a password.
        option: How the user would name it, as `--uri `.

    Raises:
        ValueError: If it may not, or its password was not written down.
    """
    own = tracking_uri(None)
    if known in ("", masked(own)):
        return own
    if MASK in known:
        raise ValueError(f"its store is {known}, without the password: say {option.strip(' =')}")
    if known.startswith(("http://", "https://")):
        if _signs_in(known):
            raise ValueError(
                f"its store is {known}, which you have not named, and MLflow would sign in there: "
                f"{option}{quote_word(known)} lets it"
            )
    elif not _is_store(known):
        raise ValueError(
            f"its store is {known}, which is not used unasked: {option}{quote_word(known)} lets it"
        )
    _BY_FILES.add(absolute(known))
    return absolute(known)


def refuse_other_place(client: MlflowClient, run_id: str) -> None:
    """Before a run's artifacts are sent: its store says where, and MLflow would write or sign in anywhere.

    A store that files alone have named may keep them itself, or where the user keeps them.

    Raises:
        PermissionError: If it wants them anywhere else.
    """
    _artifact_repos_cache.pop(run_id, None)  # MLflow keeps it by the run's id, whatever the store
    store = client.tracking_uri
    if store not in _BY_FILES:
        return
    place = client.get_run(run_id).info.artifact_uri
    if not (_is_with_itself(place, store) or _is_the_users(place)):
        raise PermissionError(
            f"{store} wants artifacts in {place}, and you have not named it: "
            f"rnnlab.sync --uri {quote_word(store)} lets it"
        )
    # What it answers from here on is not asked.
    _artifact_repos_cache[run_id] = get_artifact_repository(place, tracking_uri=store)


def _is_with_itself(place: str, store: str) -> bool:
    """Whether it is a server that keeps them at the address that it has itself."""
    server = urlparse(store)
    if server.scheme not in ("http", "https"):
        return False
    if urlparse(place).scheme == "mlflow-artifacts":
        place = MlflowArtifactsRepository.resolve_uri(place, store)
    return urlparse(place)[:2] == server[:2]


def _is_the_users(place: str) -> bool:
    """Whether it lies below the folder of artifacts where the user stands."""
    if urlparse(place).scheme not in ("", "file"):
        return False
    own = artifacts_folder().resolve()
    return Path(local_file_uri_to_path(place)).resolve().is_relative_to(own)


def _signs_in(uri: str) -> bool:
    """Whether MLflow would send what the environment, ~/.mlflow/credentials or ~/.netrc signs in with."""
    given = get_default_host_creds(uri)
    secrets = given.username, given.password, given.token, given.auth, given.client_cert_path
    return any(secrets) or bool(given.aws_sigv4) or get_netrc_auth(uri) is not None


def _is_store(uri: str) -> bool:
    """Whether a URI is of a file that is a store of MLflow's: of another database it would make one."""
    path = path_of(absolute(uri))
    try:
        return path is not None and path.is_file() and is_mlflows(path)
    except SQLAlchemyError:
        return False
