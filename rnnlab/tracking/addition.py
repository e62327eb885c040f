"""Numbers and files that are added to a run after its end: into its folder first, then into its store."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from mlflow import MlflowClient
from mlflow.entities import Metric, RunTag

from rnnlab.foundation.files import read_bytes, try_to_write, write_bytes
from rnnlab.foundation.folder_lock import locked
from rnnlab.foundation.masking import first_line
from rnnlab.foundation.run_folder import RunFolder
from rnnlab.foundation.signals import hold_signals
from rnnlab.tracking.copies import refuse_copy
from rnnlab.tracking.datasets import log_data
from rnnlab.tracking.journal import Journal
from rnnlab.tracking.manifest import REPORTED_TAG, Manifest
from rnnlab.tracking.named_store import refuse_other_place
from rnnlab.tracking.outbox import deliver, outbox
from rnnlab.tracking.pages import metric_history
from rnnlab.tracking.result import Result
from rnnlab.tracking.store import FAILURES, existing_store

Known = Mapping[tuple[str, int], float]


class Addition(NamedTuple):
    """What is added.

    Args:
        metrics: By name; finite ones.
        step: Under which they are recorded.
        files: By path below the folder `evaluated`, with their content.
        reported: Which of the metrics a report shows, each with the name of its column.
        data: What it is measured on besides the run's own data, as datasets.py describes it.
    """

    metrics: Mapping[str, float]
    step: int
    files: Mapping[str, bytes]
    reported: Mapping[str, str]
    data: Sequence[Mapping[str, Any]] = ()


def add_to_folder(
    folder: RunFolder, uri: str, addition: Addition, look_again: Callable[[], None]
) -> str:
    """Write it into a run's folder, and then bring the run to its store.

    The journal comes first, which has all of it or nothing; what a kill leaves undone behind that, the
    same addition makes whole.

    Args:
        folder: Of a run that has finished.
        uri: Of its store.
        addition: What is added; what the run has already is left as it is.
        look_again: Raises ValueError if the run is no longer what the addition is of.

    Returns:
        Why the store has not taken it, in a line: `rnnlab.sync` delivers it. Empty where it has.

    Raises:
        FolderLockedError: If the run is at work.
        ValueError: If the run has another value of a metric, or its folder cannot be used.
        OSError: As the disk says.
    """
    with locked(folder.path):
        look_again()
        refuse_copy(folder.path)
        journal = Journal(folder.journal)
        new = _new(addition, {(p.key, p.step): p.value for p in journal})
        for name, content in addition.files.items():
            path = folder.evaluated / name
            if path.exists() and read_bytes(path) != content:
                raise _taken(name)
        with hold_signals():
            if new:
                journal.append(new, addition.step)
                if journal.unwritten:
                    raise OSError(f"{journal.path} cannot be written")
            _write(folder, addition)
    try:
        deliver(folder.path, uri)
        _report(existing_store(uri), Result.read(folder.path).run_id, addition)
    except (ValueError, *FAILURES) as error:
        return first_line(error)
    return ""


def _write(folder: RunFolder, addition: Addition) -> None:
    for name, content in addition.files.items():
        path = folder.evaluated / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, content)
    manifest, result = Manifest.read(folder.path), Result.read(folder.path)
    if addition.files and folder.evaluated.name not in manifest.artifacts:
        manifest.artifacts.append(folder.evaluated.name)
    if addition.reported:
        had = json.loads(manifest.tags.get(REPORTED_TAG, "{}"))
        manifest.tags[REPORTED_TAG] = json.dumps({**had, **addition.reported})
    manifest.data += [dict(each) for each in addition.data if each not in manifest.data]
    manifest.write(folder.path)
    result.metrics |= addition.metrics
    result.delivered = False
    result.write()
    try_to_write(partial(outbox().add, folder.path))


def add_to_store(client: MlflowClient, run_id: str, addition: Addition) -> None:
    """Bring it to a run whose folder is elsewhere: its numbers in one request, and then its files.

    Raises:
        ValueError: If the run has another value of a metric, or another file of a name.
        Exception: Of `FAILURES`, if the store fails.
    """
    run = client.get_run(run_id)
    points = (
        metric
        for key in run.data.metrics.keys() & addition.metrics.keys()
        for metric in metric_history(client, run_id, key)
    )
    new = _new(addition, {(metric.key, metric.step): metric.value for metric in points})
    if addition.files:
        refuse_other_place(client, run_id)
        _refuse_other_files(client, run_id, addition.files)
    now = run.info.end_time
    with hold_signals():
        metrics = [Metric(key, value, now, addition.step) for key, value in new.items()]
        client.log_batch(run_id, metrics=metrics)
        log_data(client, run_id, addition.data)
        _report(client, run_id, addition)
        with TemporaryDirectory() as place:
            for name, content in addition.files.items():
                path = Path(place, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            if addition.files:
                client.log_artifacts(run_id, place, RunFolder(Path()).evaluated.name)


def _refuse_other_files(client: MlflowClient, run_id: str, files: Mapping[str, bytes]) -> None:
    top = RunFolder(Path()).evaluated.name
    for name, content in files.items():
        path = f"{top}/{name}"
        there = {each.path for each in client.list_artifacts(run_id, path.rpartition("/")[0])}
        if path not in there:
            continue
        with TemporaryDirectory() as place:
            had = Path(client.download_artifacts(run_id, path, place)).read_bytes()
        if had != content:
            raise _taken(name)


def _report(client: MlflowClient, run_id: str, addition: Addition) -> None:
    """Have reports show what has been added."""
    if addition.reported:
        had = json.loads(client.get_run(run_id).data.tags.get(REPORTED_TAG, "{}"))
        tag = RunTag(REPORTED_TAG, json.dumps({**had, **addition.reported}))
        client.log_batch(run_id, tags=[tag])


def _taken(name: str) -> ValueError:
    return ValueError(f"the run has another evaluated/{name} already: name=... keeps both")


def _new(addition: Addition, had: Known) -> dict[str, float]:
    """What the run has not got.

    Raises:
        ValueError: If it has another value of one, at the same step.
    """
    new = {}
    for key, value in addition.metrics.items():
        known = had.get((key, addition.step))
        if known is None:
            new[key] = value
        elif known != value:
            raise ValueError(
                f"the run has {key}={known!r} already, and this gives {value!r}: name=... keeps both"
            )
    return new
