"""The option `resume`, read without the heavy imports of what it takes to go on.

A sweep reads it before its first job, whose start would wait for them.
"""

import re
from collections.abc import Mapping
from typing import Any

AUTO = "auto"


def asked(config: Mapping[str, Any]) -> tuple[Any, bool]:
    """What `resume` names, and whether changes are allowed; `resume: X` in a file means `run: X`."""
    section = config.get("resume")
    if not isinstance(section, Mapping):
        return section, False
    for key in section:
        if key not in ("run", "allow_changes"):
            raise ValueError(f"resume.{key} is unknown. Allowed: run, allow_changes")
    allow = section.get("allow_changes", False)
    if not isinstance(allow, bool):
        raise ValueError(f"resume.allow_changes={allow} is neither true nor false")
    return section.get("run"), allow


def without_resume(overrides: list[str]) -> list[str]:
    """The overrides that say what a run is."""
    return [o for o in overrides if not re.match(r"\+*resume[.=]", o)]
