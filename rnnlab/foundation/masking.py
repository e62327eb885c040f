"""Passwords and values of the environment stay out of what runs record and print."""

import os
import re
from collections.abc import Mapping
from typing import Any

MASK = "***"
VARIABLES = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")  # MLflow's own way to sign in
HIDDEN = "RNNLAB_HIDDEN"  # environment, which jobs inherit: names of variables that a config takes
SHORTEST = 4  # what is shorter is no secret, and would be found in every other word


def hide_environment(config: Any) -> None:
    """From now on `masked` leaves out what a config takes from the environment: `${oc.env:NAME}`.

    Args:
        config: As it was written, interpolations unresolved, in plain types.
    """
    if isinstance(config, Mapping):
        hide_environment(list(config.values()))
    elif isinstance(config, list):
        for value in config:
            hide_environment(value)
    elif isinstance(config, str):
        names = {*_hidden(), *re.findall(r"oc\.env:\s*['\"]?(\w+)", config)}
        os.environ[HIDDEN] = " ".join(sorted(names))


def _hidden() -> list[str]:
    return os.environ.get(HIDDEN, "").split()


def masked(text: str) -> str:
    """The text without passwords: `http://me:***@host`, `postgresql://host/db?password=***`."""
    text = re.sub(r"(://[^:/@\s]*):[^\s]*@", rf"\1:{MASK}@", text)
    text = re.sub(
        r"([?&;](?:\w*password|passwd|pwd|token|secret|api_?key)=)[^&;\s]*",
        rf"\1{MASK}",
        text,
        flags=re.IGNORECASE,
    )
    values = (os.environ.get(name, "") for name in (*VARIABLES, *_hidden()))
    for value in sorted(values, key=len, reverse=True):
        if len(value) >= SHORTEST:
            text = text.replace(value, MASK)
    return text


def first_line(error: Exception) -> str:
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
