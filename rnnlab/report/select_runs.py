"""Which runs are compared: those of an experiment, of a sweep, of a filter, or named one by one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Run as MlflowRun
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE
from mlflow.utils.validation import MAX_TAG_VAL_LENGTH

from rnnlab.report.read_runs import read_runs
from rnnlab.report.report import Report, make_report, write_report
from rnnlab.tracking.manifest import PARENT_TAG
from rnnlab.tracking.pages import all_of

PAGE = 1000
EXPERIMENT = "rnnlab"
SIGNATURE = "Written by rnnlab. The whole comparison is report.html among the artifacts."


def search(client: MlflowClient, experiment_id: str, query: str) -> list[MlflowRun]:
    """All runs that a filter of MLflow's finds."""
    return all_of(
        "its runs",
        lambda token: client.search_runs(
            [experiment_id], query, max_results=PAGE, page_token=token
        ),
    )


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


@dataclass(frozen=True)
class Selection:
    """The runs that somebody asks for: some by their ids, those of a sweep, or of an experiment.

    Raises:
        ValueError: If more than one of these is asked for.
    """

    runs: Sequence[str] = ()
    sweep: str | None = None
    experiment: str | None = None
    query: str | None = None
    """Chooses among the runs of the experiment, in MLflow's language."""

    def __post_init__(self) -> None:
        if sum(map(bool, (self.runs, self.sweep, self.experiment or self.query))) > 1:
            raise ValueError("choose one: RUN ..., --sweep, or --experiment with --filter")

    @property
    def request(self) -> dict[str, Any]:
        """All of it, in plain types; equal for equal requests."""
        if self.runs:
            return {"runs": sorted({*self.runs})}
        if self.sweep:
            return {"sweep": self.sweep}
        experiment = {"experiment": self.experiment or EXPERIMENT}
        return experiment | ({"filter": self.query} if self.query else {})

    @property
    def name(self) -> str:
        """What it is called, in few words."""
        if self.runs:
            first, *others = sorted({*self.runs})
            return f"runs {first[:8]}" + (f" and {len(others)} more" if others else "")
        if self.sweep:
            return f"sweep {self.sweep[:8]}"
        experiment = self.experiment or EXPERIMENT
        return f"{experiment} {self.query}" if self.query else experiment

    def find(self, client: MlflowClient) -> list[MlflowRun]:
        """All of these runs.

        Raises:
            ValueError: If there is no experiment of this name.
        """
        if self.runs:
            return runs_of_ids(client, self.runs)
        if self.sweep:
            return runs_of_sweep(client, self.sweep)
        return runs_of_experiment(client, self.experiment or EXPERIMENT, self.query or "")

    def search_share(self, client: MlflowClient) -> float | None:
        """The share of seeds that a search for horizons asked for; None of anything else."""
        return read_search_share(client, self.sweep) if self.sweep else None


def read_search_share(client: MlflowClient, run_id: str) -> float | None:
    """The share of seeds that a search for horizons asked for; None of another sweep."""
    return search_share(client.get_run(run_id).data.params)


def search_share(params: Mapping[str, str]) -> float | None:
    """The same, from the params of the sweep's run."""
    share = params.get("hydra.sweeper.solved_by")
    return None if share is None else float(share)


def report_sweep(client: MlflowClient, run_id: str, folder: Path) -> tuple[Report, list[Path]]:
    """Compare the runs of a sweep; the report, and what was written to `folder`."""
    runs = read_runs(client, runs_of_sweep(client, run_id))
    report = make_report(runs, read_search_share(client, run_id))
    return report, write_report(report, folder)


def log_report(client: MlflowClient, run_id: str, report: Report, paths: Sequence[Path]) -> None:
    """Keep a report among the artifacts of a run, and in short as the run's description."""
    for path in paths:
        if path.is_dir():
            client.log_artifacts(run_id, str(path), path.name)
        else:
            client.log_artifact(run_id, str(path))
    earlier = client.get_run(run_id).data.tags.get(MLFLOW_RUN_NOTE, "")
    if not earlier or earlier.endswith(SIGNATURE):  # what somebody wrote there stays
        client.set_tag(run_id, MLFLOW_RUN_NOTE, _description(report))


def _description(report: Report) -> str:
    """Markdown, no longer than MLflow takes: whole paragraphs, so far as there is room."""
    kept: list[str] = []
    room = MAX_TAG_VAL_LENGTH - len(SIGNATURE)
    for paragraph in report.digest(width=None).split("\n\n"):
        room -= len(paragraph) + 2
        if room < 0:
            break
        kept.append(paragraph)
    if room < 0 and kept and kept[-1].endswith(":"):
        kept.pop()  # the name of what has no room
    return "\n\n".join([*kept, SIGNATURE])
