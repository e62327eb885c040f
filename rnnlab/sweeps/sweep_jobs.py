"""The jobs of a sweep that is at work: their list, and how each is called beside the others."""

from collections.abc import Sequence

from rnnlab.foundation.files import try_to_write
from rnnlab.foundation.run_folder import RunFolder, SweepFolder
from rnnlab.runs.hydra_overrides import key_of
from rnnlab.sweeps.job import Job
from rnnlab.sweeps.job_list import Identity, JobList
from rnnlab.sweeps.labels import Labels
from rnnlab.tracking.changes import changed
from rnnlab.tracking.result import Result, read_finished


class SweepJobs:
    """What a sweep's folder has of its jobs, and what is added to it.

    Args:
        folder: The sweep's.
        labels: How its jobs are called.

    Raises:
        ValueError: As `JobList.read` does, and if a job's folder holds another's run.
    """

    def __init__(self, folder: SweepFolder, labels: Labels) -> None:
        self.folder, self.labels, self.listed = folder, labels, JobList.read(folder)
        self.places: dict[tuple[str, ...], str] = {}
        self._refuse_other_runs()

    def _refuse_other_runs(self) -> None:
        """A folder may have been copied over another, whose run it would be taken for."""
        for name, words in self.listed.overrides.items():
            path = self.folder.path / name
            if (result := read_finished(path)) is None:
                continue
            later = changed(result.changes)  # of a run that trained on by itself
            had, asked = (
                sorted(word for word in given if key_of(word) not in later)
                for given in (result.overrides, words)
            )
            if had != asked:
                other = [word for word in had if word not in asked] or ["fewer overrides"]
                raise ValueError(
                    f"{path} holds the run of another job, with {' '.join(other)}: "
                    f"{self.folder.job_list} has {' '.join(words)} there"
                )

    def add(self, jobs: Sequence[Job]) -> None:
        """Jobs that are to run, or had finished before: those that are new go on the list."""
        self.listed.add({job.name: (job.of, job.overrides) for job in jobs if not job.known})
        self.write()
        self.places |= {tuple(job.overrides): job.name for job in jobs}

    def write(self) -> None:
        """The list; a full disk ends no sweep."""
        try_to_write(lambda: self.listed.write(self.folder))

    def known(self) -> dict[str, Identity]:
        """What each job is, by its folder, but for those that are run anew in another."""
        return self.listed.known(self.folder)

    def label(self, name: str) -> str:
        """What a job is called, by what differs between jobs alone."""
        return self.labels.label(self.listed.overrides[name]) or f"job {name}"

    def result(self, overrides: Sequence[str]) -> Result | None:
        """Of a job that its launcher has had, if it has finished."""
        return read_finished(self.folder.path / self.places[tuple(overrides)])

    def finished(self) -> dict[tuple[str, ...], Result]:
        """The result of each job that has one, by its overrides as recorded."""
        results = {name: read_finished(self.folder.path / name) for name in self.listed.jobs}
        words = self.listed.overrides
        return {tuple(words[name]): found for name, found in results.items() if found is not None}

    def supersede_unfinished(self) -> None:
        """What an earlier attempt did not finish is run anew, in another folder."""
        for name in self.listed.jobs:
            if read_finished(self.folder.path / name) is None:
                RunFolder(self.folder.path / name).superseded.touch()
