"""What a sweep's folder says of the sweep in it, so that the same command can go on with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnlab.foundation import json_file

FILE = "sweep.json"


@dataclass
class SweepRecord:
    """What was asked for, how it ended, and the MLflow run that is the parent."""

    overrides: list[str]
    settings: dict[str, Any]
    """Of the sweeper; of Hydra's own, none."""
    tracking_uri: str
    run_id: str = ""
    """The store's; empty until that has answered."""
    status: str = "RUNNING"
    delivered: bool = False
    """Whether the store has all of it."""

    def write(self, folder: Path) -> None:
        json_file.write(folder / FILE, self)

    @classmethod
    def read(cls, folder: Path) -> "SweepRecord":
        """The record of `folder`.

        Raises:
            ValueError: If it cannot be read.
        """
        return json_file.read(folder / FILE, cls)

    @classmethod
    def of_same(
        cls, folder: Path, overrides: Sequence[str], settings: Mapping[str, Any]
    ) -> "SweepRecord | None":
        """The record of `folder`, if there is one.

        Raises:
            ValueError: If that sweep asked for something else.
        """
        if not (folder / FILE).exists():
            return None
        record = cls.read(folder)
        had = {f"hydra.sweeper.{key}={value}" for key, value in record.settings.items()}
        asked = {f"hydra.sweeper.{key}={value}" for key, value in settings.items()}
        had, asked = had | set(record.overrides), asked | set(overrides)
        if had != asked:
            raise ValueError(
                f"hydra.sweep.dir={folder} holds another sweep: "
                f"it has {_listed(had - asked)}, not {_listed(asked - had)}"
            )
        return record


def _listed(overrides: set[str]) -> str:
    return " ".join(sorted(overrides)) or "nothing more"
