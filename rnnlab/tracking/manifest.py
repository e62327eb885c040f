"""What MLflow is told of a run, or of a sweep, besides its numbers: `tracking.json` in its folder.

With it, and the journal, a run can be brought to a store that did not answer while it ran.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rnnlab import __version__
from rnnlab.foundation.json_file import read_json, write_json
from rnnlab.foundation.run_folder import TrackedFolder

PARENT_RUN = "RNNLAB_PARENT_RUN"  # environment: the run of the sweep that a job belongs to
PARENT_TAG = "mlflow.parentRunId"
VERSION_TAG = "rnnlab.version"
OVERRIDES_TAG = "rnnlab.overrides"
FOLDER_TAG = "rnnlab.folder"
"""Of a run in its store: where it lies. In its manifest: where it began, by which it is known."""
REPORTED_TAG = "rnnlab.reported"
"""Of a run: which of its diagnostics' metrics a report shows, each with its column's name, as JSON."""


@dataclass
class Manifest:
    """A run or a sweep, as its store has it or is to have it."""

    experiment: str
    name: str
    tags: dict[str, str]
    params: dict[str, str]
    started: int  # milliseconds since 1970
    ended: int | None = None
    artifacts: list[str] = field(default_factory=list)
    """Files and folders of the run's folder."""
    ends: list[int] = field(default_factory=list)
    """The updates at which it had ended before it was trained on."""
    data: list[dict[str, Any]] = field(default_factory=list)
    """What its sequences are read from, as datasets.py describes it."""

    @classmethod
    def new(
        cls,
        kind: str,
        experiment: str,
        name: str,
        folder: Path,
        overrides: Sequence[str],
        tags: Mapping[str, str],
        params: Mapping[str, str],
        data: Sequence[Mapping[str, Any]] = (),
    ) -> "Manifest":
        """Of a run (kind "run") or a sweep ("sweep") that begins now.

        Args:
            kind: The tag `rnnlab.kind`.
            experiment: MLflow's.
            name: Of the run.
            folder: Its folder.
            overrides: What its command line said.
            tags: Further ones, besides those that every run has.
            params: All of them.
            data: What its sequences are read from.
        """
        from mlflow.tracking.context.registry import (
            resolve_tags,  # who only reads need not wait for it
        )

        common = {
            "rnnlab.kind": kind,
            VERSION_TAG: __version__,
            FOLDER_TAG: str(folder),
            OVERRIDES_TAG: " ".join(overrides),
        }
        return cls(
            experiment=experiment,
            name=name,
            tags=resolve_tags({**common, **tags}),
            params=dict(params),
            started=int(time.time() * 1000),
            data=[dict(each) for each in data],
        )

    @property
    def version(self) -> str:
        """The version of rnnlab that made it."""
        return self.tags.get(VERSION_TAG, "of an unknown version")

    def write(self, folder: Path) -> None:
        write_json(TrackedFolder(folder).manifest, self)

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """The manifest in a folder.

        Raises:
            ValueError: If there is none, or it cannot be read.
        """
        return read_json(TrackedFolder(folder).manifest, cls)
