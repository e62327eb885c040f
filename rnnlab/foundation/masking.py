"""Passwords, and what of the environment may be a secret, stay out of what runs record and print."""

import os
import re
from collections.abc import Mapping
from typing import Any

MASK = "***"
CREDENTIALS = (
    *("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "DATABRICKS_TOKEN"),
    *("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    *("AZURE_STORAGE_ACCESS_KEY", "AZURE_STORAGE_CONNECTION_STRING"),
)
"""Variables that MLflow and its stores sign in with."""
CHOSEN = "RNNLAB_SECRETS"  # environment: what else is secret, as LAB,SEAT, which the user says
HIDDEN = "RNNLAB_HIDDEN"  # environment, which jobs inherit: names of secrets that a config takes
SHORTEST = 4  # what is shorter is no secret, and would be found in every other word
_NAME = re.compile(
    "passw(or)?d|passphrase|secret|token(?!iz)|credential|api_?key|private"
    r"|(^|_)(pass|pw|pwd|key|auth|sas)(_|\d|$)",
    re.IGNORECASE,
)
_NO_SECRETS = ("PWD", "OLDPWD", "SSH_AUTH_SOCK")
_VALUE = re.compile(  # as GitHub, GitLab, Hugging Face, OpenAI, Slack, Amazon, Google and JWT write them
    r"gh[oprsu]_\w|github_pat_|glpat-|hf_\w{9}|sk-[\w-]{9}|xox[a-z]-|A[KS]IA[A-Z\d]{12}|AIza|eyJ[\w-]+\."
    "|-----BEGIN"
)


def hide(name: str) -> None:
    """From now on `masked` leaves out the value of a variable that a config takes, if it may be a secret.

    It may be by its name, by its value, which looks as a known kind of credential does, or because
    RNNLAB_SECRETS says so. Others are shown: a folder, a year or a user's name is to be read.
    """
    if may_be_secret(name, os.environ.get(name, "")):
        os.environ[HIDDEN] = " ".join(sorted({*_hidden(), name}))


def may_be_secret(name: str, value: str) -> bool:
    """Whether a variable of the environment is not to be shown."""
    if name in (*CREDENTIALS, *_chosen()):
        return True
    named = _NAME.search(name) is not None and name not in _NO_SECRETS
    return named or _VALUE.match(value) is not None


def _hidden() -> list[str]:
    return os.environ.get(HIDDEN, "").split()


def _chosen() -> list[str]:
    return [name.strip() for name in os.environ.get(CHOSEN, "").split(",") if name.strip()]


def masked(text: str) -> str:
    """The text without passwords: `http://me:***@host`, `postgresql://host/db?password=***`."""
    text = re.sub(r"(://[^:/@\s]*):[^\s]*@", rf"\1:{MASK}@", text)
    text = re.sub(
        r"([?&;](?:\w*password|passwd|pwd|token|secret|api_?key)=)[^&;\s]*",
        rf"\1{MASK}",
        text,
        flags=re.IGNORECASE,
    )
    names = (*CREDENTIALS, *_hidden(), *_chosen())
    for value in sorted((os.environ.get(name, "") for name in names), key=len, reverse=True):
        if len(value) >= SHORTEST:
            text = text.replace(value, MASK)
    return text


def first_line(error: BaseException) -> str:
    """What an error says, in one line, without a password."""
    message = str(error).strip() or type(error).__name__
    return masked(message.splitlines()[0])


def masked_config(config: Any) -> Any:
    """The config with every text in it masked."""
    if isinstance(config, Mapping):
        return {key: masked_config(value) for key, value in config.items()}
    if isinstance(config, list):
        return [masked_config(value) for value in config]
    return masked(config) if isinstance(config, str) else config
