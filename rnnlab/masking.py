"""Passwords and values of the environment stay out of what runs record and print."""

import os
import re
from collections.abc import Mapping
from typing import Any

MASK = "***"
VARIABLES = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")  # MLflow's own way to sign in
SHORTEST = 4  # what is shorter is no secret, and would be found in every other word

_hidden: set[str] = set()


def hide(value: str) -> None:
    """From now on `masked` leaves this out."""
    if len(value) >= SHORTEST:
        _hidden.add(value)


def hide_environment(raw: Any, resolved: Any) -> None:
    """Hide what a config took from the environment, as `${oc.env:NAME}`.

    Args:
        raw: The config as it was written, in plain types.
        resolved: The same with its interpolations resolved.
    """
    if isinstance(raw, Mapping):
        for key, value in raw.items():
            hide_environment(value, resolved[key])
    elif isinstance(raw, list):
        for one, of in zip(raw, resolved, strict=True):
            hide_environment(one, of)
    elif isinstance(raw, str) and "oc.env" in raw:
        hide(str(resolved))


def masked(text: str) -> str:
    """The text without passwords: `http://me:***@host`, `postgresql://host/db?password=***`."""
    text = re.sub(r"(://[^:/@\s]*):[^\s]*@", rf"\1:{MASK}@", text)
    text = re.sub(
        r"([?&;](?:\w*password|passwd|pwd|token|secret|api_?key)=)[^&;\s]*",
        rf"\1{MASK}",
        text,
        flags=re.IGNORECASE,
    )
    values = [*_hidden, *(os.environ.get(name, "") for name in VARIABLES)]
    for value in sorted(filter(None, values), key=len, reverse=True):
        text = text.replace(value, MASK)
    return text


def first_line(error: Exception) -> str:
    """What an error says, in one line, without a password."""
    said = str(error).strip() or type(error).__name__
    return masked(said.splitlines()[0])


def masked_config(config: Any) -> Any:
    """The config with every text in it masked."""
    if isinstance(config, Mapping):
        return {key: masked_config(value) for key, value in config.items()}
    if isinstance(config, list):
        return [masked_config(value) for value in config]
    return masked(config) if isinstance(config, str) else config
