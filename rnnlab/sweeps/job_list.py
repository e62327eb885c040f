"""The jobs of a sweep, each known by what it is: a number or a command line says that of one day only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rnnlab.foundation.json_file import read_json, write_json
from rnnlab.foundation.masking import masked, masked_config
from rnnlab.foundation.run_folder import RunFolder, SweepFolder
from rnnlab.runs.own_code import digest
from rnnlab.runs.resume_option import without_resume
from rnnlab.tracking.result import leaves

MANY = 2  # keys
NOT_WHAT_IT_IS = ("hydra", "resume", "tracking", "allow_targets")
"""Sections of a config that say how a run is made, reached and recorded."""

Identity = dict[str, str]
"""Each leaf of a job's resolved config, by its dotted key; and of a user's own classes the code."""


def identity(plain: Mapping[str, Any]) -> Identity:
    """What a job is, of its resolved config."""
    own = {key: _one_form(value) for key, value in plain.items() if key not in NOT_WHAT_IT_IS}
    code = digest(own)
    return dict(leaves(masked_config(own))) | ({"sha256 of its code": code} if code else {})


def _one_form(value: Any) -> Any:
    """1 and 1.0 are one setting."""
    if isinstance(value, Mapping):
        return {key: _one_form(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_one_form(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def as_recorded(overrides: Sequence[str]) -> list[str]:
    """Overrides as the files of a run and of a sweep have them."""
    return [masked(override) for override in without_resume(list(overrides))]


@dataclass
class JobList:
    """What `jobs.json` in a sweep's folder holds: each job by its own folder, below the sweep's."""

    shared: Identity = field(default_factory=dict)
    """What all jobs have in common."""
    jobs: dict[str, Identity] = field(default_factory=dict)
    """What else each of them is."""
    overrides: dict[str, list[str]] = field(default_factory=dict)
    """How each was asked for."""

    @classmethod
    def read(cls, folder: SweepFolder) -> "JobList":
        """That of a folder; empty where there is none.

        Raises:
            ValueError: If it cannot be read, or the sweep's jobs are in no list.
        """
        if folder.job_list.exists():
            listed = read_json(folder.job_list, cls)
            if listed.jobs.keys() != listed.overrides.keys():
                raise ValueError(f"{folder.job_list} cannot be read: overrides are not of its jobs")
            return listed
        if any(job.result.exists() for job in folder.jobs()):
            raise ValueError(
                f"hydra.sweep.dir={folder.path}: its sweep has no {folder.job_list.name}, "
                "as an older rnnlab made it"
            )
        return cls()

    def write(self, folder: SweepFolder) -> None:
        write_json(folder.job_list, self)

    def identities(self) -> dict[str, Identity]:
        """What each job is, by its folder."""
        return {name: {**self.shared, **own} for name, own in self.jobs.items()}

    def known(self, folder: SweepFolder) -> dict[str, Identity]:
        """Those that are not run anew in another folder."""
        return {
            name: of
            for name, of in self.identities().items()
            if not RunFolder(folder.path / name).superseded.exists()
        }

    def add(self, jobs: Mapping[str, tuple[Identity, Sequence[str]]]) -> None:
        """Jobs with their folders, what they are and how they were asked for."""
        if not jobs:
            return
        every = {**self.identities(), **{name: of for name, (of, _) in jobs.items()}}
        shared = dict(set.intersection(*(set(of.items()) for of in every.values())))
        self.shared = {key: shared[key] for key in sorted(shared)}
        self.jobs = {
            name: {key: value for key, value in of.items() if key not in shared}
            for name, of in every.items()
        }
        for name, (_, overrides) in jobs.items():
            self.overrides[name] = as_recorded(overrides)

    def next_number(self) -> int:
        """The first number that is no job's, nor any job's after it."""
        numbers = [int(name) for name in self.jobs if name.isdecimal()]
        return max((*numbers, len(self.jobs) - 1, -1)) + 1


def difference(
    had: Identity, had_as: Sequence[str], wanted: Sequence[tuple[Identity, Sequence[str]]]
) -> str:
    """In what a job differs from the nearest one that is asked for: `has seed=0, not seed=1`."""
    if not wanted:
        return "is not asked for"
    nearest, nearest_as = min(wanted, key=lambda job: len(set(had.items()) ^ set(job[0].items())))
    own = [override for override in had_as if override not in nearest_as]
    other = [override for override in nearest_as if override not in had_as]
    if not (own and other):  # a default on one of the two sides
        own, other = (
            [f"{key}={value}" for key, value in one.items() if two.get(key) != value][:MANY]
            for one, two in ((had, nearest), (nearest, had))
        )
    return f"has {' '.join(own)}, not {' '.join(other)}"
