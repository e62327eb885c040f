"""What MLflow is to be told of a run besides its numbers: `tracking.json` in the run's folder.

With it, and the journal, a run can be brought to a store that did not answer while it ran.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rnnlab.atomic import write_text

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
        write_text(folder / FILE, json.dumps(asdict(self), indent=1))

    @classmethod
    def read(cls, folder: Path) -> "Record":
        """The record in a run's folder.

        Raises:
            ValueError: If there is none, or it cannot be read.
        """
        try:
            return cls(**json.loads((folder / FILE).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise ValueError(f"{folder / FILE} cannot be read: {error}") from error
