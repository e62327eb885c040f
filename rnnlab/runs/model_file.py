"""`model.json` of a model in MLflow: the config that it is made from, and a checksum of each file beside it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnlab import __version__
from rnnlab.foundation.files import read_bytes, why_unread
from rnnlab.foundation.json_file import read_json, write_json

CODE = "code"
"""The folder of the source that a model brings."""


@dataclass
class ModelFile:
    """What it holds."""

    version: str
    config: dict[str, Any]
    files: dict[str, str]
    """The digest of each file, by its path beside this one."""

    @classmethod
    def read(cls, path: Path) -> "ModelFile":
        """What `path` holds, once the files beside it are seen to be whole.

        Raises:
            ValueError: If it or one of them cannot be read, or is damaged; or if there is more code.
        """
        stored = read_json(path, cls)
        code = {str(p.relative_to(path.parent)) for p in (path.parent / CODE).rglob("*.py")}
        for name in sorted({*stored.files, *code}):
            if _digest(path.parent / name) != stored.files.get(name):
                raise ValueError(
                    f"{path.parent / name} is damaged: its content does not match its checksum"
                )
        return stored


def write_model_file(
    path: Path, config: Mapping[str, Any], weights: Path, code: Path | None
) -> None:
    """Of a model whose files will lie beside it.

    Args:
        path: Of `model.json`.
        config: Of the run, plain and without secrets.
        weights: The file of its weights.
        code: The folder of its code, if it brings some.
    """
    files = {weights.name: _digest(weights)}
    if code is not None:
        for source in sorted(code.rglob("*.py")):
            files[f"{CODE}/{source.relative_to(code)}"] = _digest(source)
    write_json(path, ModelFile(__version__, dict(config), files))


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(read_bytes(path)).hexdigest()
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {why_unread(error)}") from error
