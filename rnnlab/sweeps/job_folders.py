"""The folders of a sweep's jobs, looked at before any is made: each its own, below the sweep's."""

from collections.abc import Iterable
from pathlib import Path

from rnnlab.foundation.run_folder import SweepFolder

SUBDIR = "hydra.sweep.subdir"


def refuse_folders(folders: Iterable[Path], sweep: Path) -> None:
    """A folder that two jobs share has the result of one of them, which would count for both.

    Args:
        folders: Of jobs, absolute.
        sweep: The sweep's.

    Raises:
        ValueError: For the first that does not do.
    """
    sweep = sweep.absolute()
    seen: set[Path] = set()
    for folder in folders:
        inner = _below(folder, sweep)
        if inner is None or not inner.parts or ".." in inner.parts:
            raise ValueError(f"{SUBDIR}: {folder} is not below hydra.sweep.dir={sweep}")
        if inner.parts[0] == SweepFolder(sweep).report.name:
            raise ValueError(f"{SUBDIR}: {folder} is where the sweep's report goes")
        if folder in seen:
            raise ValueError(f"{SUBDIR}: {folder} would be the folder of several jobs")
        seen.add(folder)
    for folder in seen:
        if around := seen.intersection(folder.parents):
            raise ValueError(
                f"{SUBDIR}: {folder} and {around.pop()} are of two jobs, one in the other"
            )


def _below(folder: Path, sweep: Path) -> Path | None:
    return folder.relative_to(sweep) if folder.is_relative_to(sweep) else None
