"""What a sweep's folder says of the sweep in it, so that the same command can go on with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnlab.foundation.json_file import read_json, write_json
from rnnlab.foundation.run_folder import SweepFolder


@dataclass
class SweepFile:
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
        write_json(SweepFolder(folder).sweep_file, self)

    @classmethod
    def read(cls, folder: Path) -> "SweepFile":
        """What `folder` says.

        Raises:
            ValueError: If it cannot be read.
        """
        return read_json(SweepFolder(folder).sweep_file, cls)

    @classmethod
    def of_same(
        cls, folder: Path, overrides: Sequence[str], settings: Mapping[str, Any]
    ) -> "SweepFile | None":
        """What `folder` says, if it holds a sweep.

        Raises:
            ValueError: If that sweep asked for something else.
        """
        if not SweepFolder(folder).sweep_file.exists():
            return None
        found = cls.read(folder)
        had = {f"hydra.sweeper.{key}={value}" for key, value in found.settings.items()}
        wanted = {f"hydra.sweeper.{key}={value}" for key, value in settings.items()}
        had, wanted = had | set(found.overrides), wanted | set(overrides)
        if had != wanted:
            raise ValueError(
                f"hydra.sweep.dir={folder} holds another sweep: "
                f"it has {_listed(had - wanted)}, not {_listed(wanted - had)}"
            )
        return found


def _listed(overrides: set[str]) -> str:
    return " ".join(sorted(overrides)) or "nothing more"
