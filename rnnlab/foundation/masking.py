"""Passwords, and what of the environment may be a secret, stay out of what runs record and print."""

import json
import os
import re
from collections.abc import Iterable, Mapping
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
    values = _values((*CREDENTIALS, *_hidden(), *_chosen())).values()
    spelled = {each for value in values for each in _spellings(value)}
    for each in sorted(spelled, key=len, reverse=True):
        text = text.replace(each, MASK)
    return text


def secrets_in(text: str) -> list[str]:
    """The variables that a config has taken whose value, which may be a secret, is in a text."""
    return [name for name, value in _values(_hidden()).items() if value in text]


def _values(names: Iterable[str]) -> dict[str, str]:
    """Those that are long enough, by name."""
    values = {name: os.environ.get(name, "") for name in names}
    return {name: value for name, value in values.items() if len(value) >= SHORTEST}


def _spellings(value: str) -> set[str]:
    """As it is; and as Python, JSON and yaml have it between quotes."""
    python = repr(f'"{value}')[2:-1]  # as where the whole has both kinds of quotes: \' for each '
    json_text = [json.dumps(value, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False)]
    return {value, python, python.replace("\\'", "'"), *json_text, value.replace("'", "''")}


def first_line(error: BaseException) -> str:
    """What an error says, in one line, without a password."""
    message = str(error).strip() or type(error).__name__
    return masked(message).splitlines()[0]  # in this order: a secret may have several lines


def masked_config(config: Any) -> Any:
    """The config with every text in it masked, and every number that is a secret which it takes."""
    if isinstance(config, Mapping):
        return {key: masked_config(value) for key, value in config.items()}
    if isinstance(config, list):
        return [masked_config(value) for value in config]
    if isinstance(config, str):
        return masked(config)
    return MASK if is_secret_number(config) else config


def is_secret_number(value: object) -> bool:
    """Whether it is the number that a secret is which a config has taken."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return any(_spells(text, value) for text in _values(_hidden()).values())


def _spells(text: str, value: int | float) -> bool:
    try:
        return type(value)(text) == value
    except ValueError:
        return False
