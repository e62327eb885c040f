"""What a run's sequences are read from, as its store and its manifest have it: MLflow's `log_input`."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnlab.foundation.masking import masked
from rnnlab.tasks import DataFile

if TYPE_CHECKING:  # which a refusal need not wait for
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput, Run

TRAINING, EVALUATION = "training", "evaluation"
"""Contexts, as MLflow calls them: of the run itself, and of what it was asked about other data later."""
CONTEXT_TAG = "mlflow.data.context"


def described(files: Iterable[DataFile], context: str = TRAINING) -> list[dict[str, Any]]:
    """As a manifest has them."""
    return [{**asdict(file), "source": masked(file.source), "context": context} for file in files]


def files_in(entries: Iterable[Mapping[str, Any]], context: str = TRAINING) -> list[DataFile]:
    """What a manifest has of one context.

    Raises:
        ValueError: If it has anything else in the place of a file.
    """
    try:
        own = [dict(entry) for entry in entries if entry["context"] == context]
        return [DataFile(**{k: v for k, v in entry.items() if k != "context"}) for entry in own]
    except (KeyError, TypeError) as error:
        raise ValueError(f"what is said of the data is not read: {error}") from error


def files_of(run: "Run") -> list[DataFile]:
    """What a store has of a run's own data.

    Raises:
        ValueError: If it has anything else in the place of a file.
    """
    entries = []
    for given in run.inputs.dataset_inputs if run.inputs else ():
        tags = {tag.key: tag.value for tag in given.tags}
        profile = json.loads(given.dataset.profile or "{}")
        entry = {
            field.name: profile[field.name] for field in fields(DataFile) if field.name in profile
        }
        entries.append({**entry, "context": tags.get(CONTEXT_TAG)})
    return files_in(entries)


def refuse_changed(had: Sequence[DataFile], now: Sequence[DataFile]) -> None:
    """See that data are those that a run began with, wherever they lie now.

    Raises:
        ValueError: That names the file and both digests.
    """
    before = {file.name: file for file in had}
    for file in now:
        first = before.pop(file.name, None)
        if first is None:
            raise ValueError(f"{file.source} is not of the data that the run began with")
        if first.digest != file.digest:
            raise ValueError(
                f"{file.source} has changed since the run began: its SHA-256 is {file.digest}, and it "
                f"was {first.digest}"
            )
    for name, file in before.items():
        raise ValueError(f"{name} is missing of the data that the run began with ({file.source})")


def log_data(client: "MlflowClient", run_id: str, entries: Sequence[Mapping[str, Any]]) -> None:
    """Have a store know what a run reads; what it knows already it is not told again.

    Raises:
        Exception: As the store fails.
    """
    from mlflow.exceptions import MlflowException

    try:
        _log(client, run_id, entries)
    except MlflowException:  # of runs that name new data at once, a database takes those of one
        _log(client, run_id, entries)


def _log(client: "MlflowClient", run_id: str, entries: Sequence[Mapping[str, Any]]) -> None:
    inputs = client.get_run(run_id).inputs
    known = {(i.dataset.name, i.dataset.digest) for i in (inputs.dataset_inputs if inputs else ())}
    given = map(_input, entries)
    new = [one for one in given if (one.dataset.name, one.dataset.digest) not in known]
    if new:
        client.log_inputs(run_id, datasets=new)


def _input(entry: Mapping[str, Any]) -> "DatasetInput":
    from mlflow.entities import Dataset, DatasetInput, InputTag
    from mlflow.utils.validation import MAX_DATASET_DIGEST_SIZE

    kind, source = "code", {"tags": {"mlflow.source.name": entry["source"]}}
    if Path(entry["source"]).is_absolute():
        kind, source = "local", {"uri": entry["source"]}
    whole = {key: value for key, value in entry.items() if key != "context"}
    dataset = Dataset(
        name=entry["name"],
        digest=entry["digest"][:MAX_DATASET_DIGEST_SIZE],
        source_type=kind,
        source=json.dumps(source),
        profile=json.dumps(whole | {"num_rows": entry["rows"]}),
    )
    return DatasetInput(dataset, [InputTag(CONTEXT_TAG, entry["context"])])
