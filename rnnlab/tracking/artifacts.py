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


@cache
def _packages() -> str:
    found = {f"{d.metadata['Name']}=={d.version}" for d in distributions()}
    return "\n".join(sorted(found, key=str.lower)) + "\n"
