"""The jobs that a command line asks for, where it is Hydra's own sweeper that makes them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from rnnlab.foundation.run_folder import SweepFolder
from rnnlab.runs.resume_option import without_resume
from rnnlab.sweeps.job_list import Identity, JobList, difference


@dataclass(frozen=True)
class Plan:
    """All jobs of a sweep, before any is begun.

    Args:
        identities: What each is, by the overrides that the sweeper will give to the launcher.
    """

    identities: Mapping[tuple[str, ...], Identity]

    @property
    def jobs(self) -> list[tuple[str, ...]]:
        """The overrides of each."""
        return list(self.identities)

    @cached_property
    def numbers(self) -> dict[tuple[str, ...], int]:
        """The number of each in a sweep that has none before."""
        return {overrides: number for number, overrides in enumerate(self.identities)}

    def refuse_other(self, folder: SweepFolder) -> None:
        """All that the sweep in a folder has must be asked for: then the rest can be added to it.

        Raises:
            ValueError: That says what of the sweep is asked for no longer.
        """
        listed = JobList.read(folder)
        wanted = [(of, without_resume(list(o))) for o, of in self.identities.items()]
        for name, had in listed.known(folder).items():
            if all(had != of for of, _ in wanted):
                differs = difference(had, without_resume(listed.overrides[name]), wanted)
                raise ValueError(
                    f"hydra.sweep.dir={folder.path} holds another sweep: its job {name} {differs}"
                )
