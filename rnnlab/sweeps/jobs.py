"""The runs that a horizon is found by, as their folders tell of them."""

from collections.abc import Sequence
from pathlib import Path

from rnnlab.foundation.masking import masked
from rnnlab.tracking.result import Result, finished

REPORT = "report"  # the folder of the comparison
SUPERSEDED = "superseded"  # a file in the folder of a job that is run anew in another


def finished_probes(folder: Path) -> dict[tuple[str, ...], Result]:
    """Each finished run below the sweep's folder, by its overrides."""
    found = {}
    for path in folder.glob("*/result.json"):
        if (result := finished(path.parent)) is not None:
            found[tuple(result.overrides)] = result
    return found


def job_folders(folder: Path) -> list[Path]:
    """The folders of a sweep's jobs, below its own."""
    return [path for path in folder.glob("*") if path.is_dir() and path.name != REPORT]


def name(overrides: Sequence[str]) -> tuple[str, ...]:
    """Overrides as a run's result records them."""
    return tuple(masked(override) for override in overrides)


def supersede_unfinished(folder: Path) -> int:
    """Mark what an earlier attempt did not finish; return the number of the next job."""
    jobs = job_folders(folder)
    for job in jobs:
        if finished(job) is None:
            (job / SUPERSEDED).touch()
    return 1 + max((int(job.name) for job in jobs if job.name.isdecimal()), default=len(jobs) - 1)
