"""The option `resume`, read without the heavy imports of what it takes to go on.

A sweep reads it before its first job, whose start would wait for them.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

AUTO = "auto"


class Resume(NamedTuple):
    """The option, as a config has it."""

    run: Any = None
    """A run's folder, checkpoint or id, "auto", or None; not checked."""
    allow_changes: bool = False


def read_resume(config: Mapping[str, Any]) -> Resume:
    """The option in a config; `resume: X` in a file means `run: X`.

    Raises:
        ValueError: For a key that is not its own, or a value that is neither true nor false.
    """
    section = config.get("resume")
    if not isinstance(section, Mapping):
        return Resume(section)
    for key in section:
        if key not in Resume._fields:
            raise ValueError(f"resume.{key} is unknown. Allowed: {', '.join(Resume._fields)}")
    allow = section.get("allow_changes", False)
    if not isinstance(allow, bool):
        raise ValueError(f"resume.allow_changes={allow} is neither true nor false")
    return Resume(section.get("run"), allow)


def with_key(arguments: list[str]) -> list[str]:
    """`resume=X` as `resume.run=X`, beside which `resume.allow_changes` can stand."""
    return [re.sub("^resume=", "resume.run=", argument) for argument in arguments]


def without_resume(overrides: list[str]) -> list[str]:
    """The overrides that say what a run is."""
    return [o for o in overrides if not re.match(r"\+*resume[.=]", o)]
