"""What a run leaves in MLflow beside its numbers and its model: config and package versions."""

from collections.abc import Mapping
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import yaml

from rnnlab.foundation.files import write_text
from rnnlab.foundation.run_folder import RunFolder


def write_config(folder: Path, config: Mapping[str, Any]) -> None:
    """The resolved config, as `config.yaml`."""
    write_text(RunFolder(folder).config, yaml.safe_dump(dict(config), sort_keys=False))


def write_packages(folder: Path) -> str:
    """Every installed package and its version, as `packages.txt`; returns the file's name."""
    path = RunFolder(folder).packages
    path.write_text(_packages(), encoding="utf-8")
    return path.name


@cache
def _packages() -> str:
    found = {f"{d.metadata['Name']}=={d.version}" for d in distributions()}
    return "\n".join(sorted(found, key=str.lower)) + "\n"
