"""What a run leaves in MLflow beside its numbers and its model: config and package versions."""

from collections.abc import Mapping
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, NamedTuple

from rnnlab.foundation.files import write_text
from rnnlab.foundation.run_folder import RunFolder
from rnnlab.foundation.yaml_file import write_yaml


class Left(NamedTuple):
    """What a run has left beside its numbers."""

    artifacts: list[str]
    """Files and folders of its folder that its store is to have."""
    missing: list[str]
    """Files and folders that a full disk left out."""


def write_config(folder: Path, config: Mapping[str, Any]) -> None:
    """The resolved config, as `config.yaml`."""
    write_yaml(RunFolder(folder).config, dict(config))


def write_packages(folder: Path) -> None:
    """Every installed package and its version, as `packages.txt`."""
    write_text(RunFolder(folder).packages, _packages())


def differing_packages(before: str) -> str:
    """The packages whose versions are not as they were, a line each: `torch 2.12.0, now 2.13.0`.

    Args:
        before: The text of a run's `packages.txt`; empty where it has none.
    """
    had, has = (
        dict(line.split("==", 1) for line in text.split() if "==" in line)
        for text in (before, _packages())
    )
    if not had:
        return "its package versions are not known\n"
    lines = []
    for name in sorted({*had, *has}, key=str.lower):
        if had.get(name) != has.get(name):
            was, now = had.get(name, "not installed"), has.get(name, "not installed")
            lines.append(f"{name} {was}, now {now}\n")
    return "".join(lines)


@cache
def _packages() -> str:
    found = {f"{d.metadata['Name']}=={d.version}" for d in distributions()}
    return "\n".join(sorted(found, key=str.lower)) + "\n"
