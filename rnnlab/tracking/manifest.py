"""What MLflow is to be told of a run besides its numbers: `tracking.json` in the run's folder.

With it, and the journal, a run can be brought to a store that did not answer while it ran.
"""

from dataclasses import dataclass, field
from pathlib import Path

from rnnlab.foundation import json_file

FILE = "tracking.json"


@dataclass
class Record:
    """One run, as its store has it or is to have it."""

    experiment: str
    name: str
    tags: dict[str, str]
    params: dict[str, str]
    started: int  # milliseconds since 1970
    ended: int | None = None
    artifacts: list[str] = field(default_factory=list)
    """Files and folders of the run's folder."""

    def write(self, folder: Path) -> None:
        json_file.write(folder / FILE, self)

    @classmethod
    def read(cls, folder: Path) -> "Record":
        """The record in a run's folder.

        Raises:
            ValueError: If there is none, or it cannot be read.
        """
        return json_file.read(folder / FILE, cls)
