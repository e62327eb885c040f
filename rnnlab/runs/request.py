"""What was asked for, in the words of the command line."""

from dataclasses import dataclass, field
from pathlib import Path

from rnnlab.foundation.links import refuse_links
from rnnlab.foundation.run_folder import RunFolder


@dataclass(frozen=True)
class Request:
    """One run as its command line has it.

    Args:
        choices: The chosen option of each config group.
        overrides: What the command line says that differs from the defaults.
        folder: Where the run's files go.
        about: What the yaml files of the chosen cell and task say first, by group.
    """

    choices: dict[str, str]
    overrides: list[str]
    folder: Path
    about: dict[str, str] = field(default_factory=dict)


def refuse_used(folder: RunFolder) -> None:
    """A new run has a folder of its own.

    What a command has left that was killed before its run began, the new one writes anew.

    Raises:
        ValueError: If there is a run in it, or what one has left, or a link that leads out of it.
    """
    refuse_links(folder)
    if folder.result.exists():
        raise ValueError(
            f"hydra.run.dir={folder.path} holds a run already: resume= goes on with it"
        )
    kept = (folder.journal, folder.checkpoints, folder.diagnostics)  # which a run would add to
    if left := [path.name for path in kept if _holds_something(path)]:
        raise ValueError(
            f"hydra.run.dir={folder.path} has {left[0]} of a run whose {folder.result.name} is gone: "
            "move it away, or name another folder"
        )


def _holds_something(path: Path) -> bool:
    """Whether it is a file that is not empty, or a folder in which one lies."""
    return any(inner.is_file() and inner.stat().st_size for inner in (path, *path.rglob("*")))
