"""A run that a store knows by its id, and where its model is: in its folder, or in the store."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rnnlab.foundation.masking import first_line
from rnnlab.foundation.run_folder import RunFolder
from rnnlab.foundation.version import check_version
from rnnlab.runs.named_run import folder_here
from rnnlab.runs.trained_model import TrainedModel, model_of_run
from rnnlab.tracking.manifest import FOLDER_TAG, VERSION_TAG

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run


@dataclass(frozen=True)
class FoundRun:
    """What a store says of it.

    Args:
        client: Of the store.
        uri: Of the store.
        run: As MLflow has it.
        folder: Its own, if that is on this machine and may be written to.
    """

    client: "MlflowClient"
    uri: str
    run: "Run"
    folder: RunFolder | None

    def model(self, checkpoint: str) -> TrainedModel:
        """What the store itself has.

        Raises:
            ValueError: If it has no such checkpoint, or the run has not finished.
        """
        run_id, tags = self.run.info.run_id, self.run.data.tags
        refuse_unfinished(run_id, self.run.info.status)
        if checkpoint != "best":
            raise ValueError(
                f"checkpoint={checkpoint} is in the run's folder, {tags.get(FOLDER_TAG, '')}, which is not "
                "on this machine: its store has checkpoint=best alone"
            )
        check_version(f"run={run_id}", tags.get(VERSION_TAG, "of an unknown version"))
        return model_of_run(self.client, run_id, self.uri)


def find_run(run_id: str, uri: str | None) -> FoundRun:
    """The run of this id.

    Args:
        run_id: 32 letters and digits.
        uri: Of the store; None: $MLFLOW_TRACKING_URI, or mlflow.db here.

    Raises:
        ValueError: If there is no such store, or it has no such run of rnnlab's.
    """
    from mlflow.exceptions import MlflowException

    from rnnlab.tracking.store import existing_store, tracking_uri

    store = tracking_uri(uri)
    client = existing_store(store)
    try:
        run = client.get_run(run_id)
    except MlflowException as error:
        raise ValueError(f"run={run_id}: {first_line(error)}") from error
    if run.data.tags.get("rnnlab.kind") != "run":
        raise ValueError(f"run={run_id} is no run of rnnlab's command")
    return FoundRun(client, store, run, folder_here(run.data.tags.get(FOLDER_TAG, ""), run_id))


def refuse_unfinished(name: str, status: str) -> None:
    """Raises ValueError for a run that is at work, was stopped or failed."""
    if status != "FINISHED":
        raise ValueError(f"run={name} has not finished: it is {status}")
