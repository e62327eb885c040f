"""Which runs are compared: those of an experiment, of a sweep, of a filter, or named one by one."""

from collections.abc import Sequence
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Run as MlflowRun

from rnnlab.report.read_runs import read_runs
from rnnlab.report.report import Report, make_report, write_report
from rnnlab.tracking.manifest import PARENT_TAG

PAGE = 1000


def search(client: MlflowClient, experiment_id: str, query: str) -> list[MlflowRun]:
    """All runs that a filter of MLflow's finds."""
    found: list[MlflowRun] = []
    token = None
    while True:
        page = client.search_runs([experiment_id], query, max_results=PAGE, page_token=token)
        found += page
        token = page.token
        if not token:
            return found


def runs_of_sweep(client: MlflowClient, run_id: str) -> list[MlflowRun]:
    """The runs of a sweep."""
    experiment = client.get_run(run_id).info.experiment_id
    return search(client, experiment, f"tags.`{PARENT_TAG}` = '{run_id}'")


def runs_of_experiment(client: MlflowClient, name: str, query: str = "") -> list[MlflowRun]:
    """The runs of an experiment, of which a filter may choose some.

    Raises:
        ValueError: If there is no experiment of this name.
    """
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        known = sorted(e.name for e in client.search_experiments())
        raise ValueError(f"experiment={name!r} does not exist: {', '.join(known)}")
    return search(client, experiment.experiment_id, query)


def runs_of_ids(client: MlflowClient, run_ids: Sequence[str]) -> list[MlflowRun]:
    """Runs by their ids; each once."""
    return [client.get_run(run_id) for run_id in dict.fromkeys(run_ids)]


def read_search_share(client: MlflowClient, run_id: str) -> float | None:
    """The share of seeds that a search for horizons asked for; None of another sweep."""
    share = client.get_run(run_id).data.params.get("hydra.sweeper.solved_by")
    return None if share is None else float(share)


def report_sweep(client: MlflowClient, run_id: str, folder: Path) -> tuple[Report, list[Path]]:
    """Compare the runs of a sweep; the report, and what was written to `folder`."""
    runs = read_runs(client, runs_of_sweep(client, run_id))
    report = make_report(runs, read_search_share(client, run_id))
    return report, write_report(report, folder)


def log_report(client: MlflowClient, run_id: str, paths: Sequence[Path]) -> None:
    """Keep a report among the artifacts of a run."""
    for path in paths:
        if path.is_dir():
            client.log_artifacts(run_id, str(path), path.name)
        else:
            client.log_artifact(run_id, str(path))
