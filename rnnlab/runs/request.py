"""What was asked for, in the words of the command line."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Request:
    """One run as its command line has it.

    Args:
        choices: The chosen option of each config group.
        overrides: What the command line says that differs from the defaults.
        folder: Where the run's files go.
    """

    choices: dict[str, str]
    overrides: list[str]
    folder: Path
