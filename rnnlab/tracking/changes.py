"""What has been changed of a run since it began: a line for each, `train.steps: 2000 -> 9000`."""

import re
from collections.abc import Mapping

CHANGES_TAG = "rnnlab.changes"
"""Of a run in its store, whose params can never change."""


def change(key: str, had: object, value: object) -> str:
    """The line of one change."""
    return f"{key}: {had} -> {value}\n"


def changed(text: str) -> dict[str, str]:
    """What each changed key has become."""
    return dict(re.findall(r"^([^\s:]+): .* -> (.*)$", text, re.MULTILINE))


def with_changes(params: Mapping[str, str], text: str) -> dict[str, str]:
    """A run's params as they have become."""
    return {**params, **changed(text)}
