"""One job of a sweep, as a launcher of Hydra's is given it."""

from collections.abc import Sequence
from dataclasses import dataclass

from rnnlab.runs.resume_option import AUTO
from rnnlab.sweeps.job_list import Identity


@dataclass(frozen=True)
class Job:
    """One job and its place.

    Args:
        overrides: How it is asked for.
        name: Its folder, below the sweep's.
        number: The number by which a new one has this folder.
        of: What it is.
        known: Whether the sweep had it before.
        resumes: Whether its config says resume=auto.
    """

    overrides: Sequence[str]
    name: str
    number: int | None
    of: Identity
    known: bool
    resumes: bool

    def as_number(self, number: int) -> list[str]:
        """Its overrides for a launcher that calls it by this number."""
        own = list(self.overrides)
        if self.known or self.number != number:
            name = self.name.replace("\\", "\\\\").replace("'", "\\'")
            own.append(f"hydra.sweep.subdir='{name}'")
        if self.known and not self.resumes:
            own.append(f"resume.run={AUTO}")
        return own
