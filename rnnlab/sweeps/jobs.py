"""The jobs of a sweep, as their folders tell of them."""

from collections.abc import Sequence
from pathlib import Path

from rnnlab.foundation.masking import masked
from rnnlab.foundation.run_folder import SweepFolder
from rnnlab.tracking.result import Result, read_finished


def finished_jobs(folder: Path) -> dict[tuple[str, ...], Result]:
    """Each finished run of a sweep, by its overrides."""
    results = (read_finished(job.path) for job in SweepFolder(folder).jobs())
    return {tuple(result.overrides): result for result in results if result is not None}


def as_recorded(overrides: Sequence[str]) -> tuple[str, ...]:
    """Overrides as a run's result has them."""
    return tuple(masked(override) for override in overrides)


def supersede_unfinished(folder: Path) -> int:
    """Mark what an earlier attempt did not finish; return the number of the next job."""
    jobs = SweepFolder(folder).jobs()
    for job in jobs:
        if read_finished(job.path) is None:
            job.superseded.touch()
    numbers = (int(job.path.name) for job in jobs if job.path.name.isdecimal())
    return 1 + max(numbers, default=len(jobs) - 1)
