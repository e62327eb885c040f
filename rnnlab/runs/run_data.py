"""The data of a run: read for it, and compared with those that it began with."""

from pathlib import Path

from rnnlab.runs.run_config import read_data
from rnnlab.tasks import Task
from rnnlab.tracking.datasets import files_in, refuse_changed
from rnnlab.tracking.manifest import Manifest


def refuse_changed_data(folder: Path, task: Task) -> None:
    """See that a run would go on with the data that it began with.

    Args:
        folder: The run's.
        task: As its config describes it.

    Raises:
        ValueError: If they are not there, or are others: that names a file and both digests.
    """
    refuse_changed(files_in(Manifest.read(folder).data), read_data(task))
