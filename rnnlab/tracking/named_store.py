"""The store that a run's own files name: used where that can do no harm, or else to be named again.

Such files may come from anywhere. A store is made, and signed in to, only where the user's own words
point: `--uri`, `tracking.uri`, MLFLOW_TRACKING_URI, or mlflow.db in the current folder.
"""

from shlex import quote as quote_word

from mlflow.utils.credentials import get_default_host_creds
from sqlalchemy.exc import SQLAlchemyError

from rnnlab.foundation.masking import MASK, masked
from rnnlab.tracking.sqlite_file import absolute, is_mlflows, path_of
from rnnlab.tracking.store import tracking_uri

_BY_FILES: set[str] = set()
"""Servers that this process uses, and that the files of runs alone have named."""


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
        _BY_FILES.add(known)
        return known
    if not _is_store(known):
        raise ValueError(
            f"its store is {known}, which is not used unasked: {option}{quote_word(known)} lets it"
        )
    return known


def is_named_by_files_alone(uri: str) -> bool:
    """Whether it is a server that this process uses because a run's files say so."""
    return uri in _BY_FILES


def _signs_in(uri: str) -> bool:
    """Whether MLflow would send what the environment, or ~/.mlflow/credentials, has to sign in with."""
    given = get_default_host_creds(uri)
    secrets = given.username, given.password, given.token, given.auth, given.client_cert_path
    return any(secrets) or bool(given.aws_sigv4)


def _is_store(uri: str) -> bool:
    """Whether a URI is of a file that is a store of MLflow's: of another database it would make one."""
    path = path_of(absolute(uri))
    try:
        return path is not None and path.is_file() and is_mlflows(path)
    except SQLAlchemyError:
        return False
