"""What a sweep's folder says of the sweep in it, so that the same command can go on with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnlab.foundation.json_file import read_json, write_json
from rnnlab.foundation.run_folder import SweepFolder
from rnnlab.tracking.result import Status


@dataclass
class SweepFile:
    """What was asked for, how it ended, and the MLflow run that is the parent."""

    overrides: list[str]
    settings: dict[str, Any]
    """Of the sweeper; of Hydra's own, none."""
    tracking_uri: str
    run_id: str = ""
    """The store's; empty until that has answered."""
    status: Status = "RUNNING"
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

    def refuse_other(self, folder: Path, overrides: Sequence[str]) -> None:
        """It has to be what is asked for, to the word.

        Raises:
            ValueError: That says what differs.
        """
        refuse_difference(folder, set(self.overrides), set(overrides))


def refuse_difference(folder: Path, had: set[str], wanted: set[str]) -> None:
    """What a sweep has, and is asked to have.

    Raises:
        ValueError: If the two are not the same.
    """
    if had != wanted:
        raise ValueError(
            f"hydra.sweep.dir={folder} holds another sweep: "
            f"it has {_listed(had - wanted)}, not {_listed(wanted - had)}"
        )


def _listed(overrides: set[str]) -> str:
    return " ".join(sorted(overrides)) or "nothing more"
