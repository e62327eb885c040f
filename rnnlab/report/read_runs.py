"""Runs as a comparison sees them, and how they are read back from MLflow."""

import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from mlflow import MlflowClient
from mlflow.entities import Run as Recorded
from mlflow.exceptions import MlflowException

GRADIENT = "diagnostics/gradient_by_lag.npz"
CURVES = ("val/loss", "grad/norm", "grad/clip_fraction")
MEASURED = {
    "memory/gradient_horizon": "gradient horizon (steps)",
    "memory/capacity": "memory capacity",
    "recurrent/spectral_radius": "spectral radius",
    "recurrent/lyapunov_max": "Lyapunov exponent (1/step)",
    "recurrent/omega": "Omega",
    "recurrent/saturation": "saturated units",
}
AT_ONCE = 8  # requests to a store


@dataclass(frozen=True)
class Run:
    """One run: what it was, how it ended, and what it measured."""

    run_id: str
    name: str
    status: str
    started: int  # milliseconds since 1970
    variant: str
    task: str
    length: int
    seed: int
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    curves: Mapping[str, np.ndarray] = field(default_factory=dict)  # (points, 2): update, value
    gradient: Mapping[str, np.ndarray] | None = None  # the arrays of GradientByLag

    @property
    def finished(self) -> bool:
        return self.status == "FINISHED"

    @property
    def solved(self) -> bool:
        return self.metrics.get("test/solved") == 1

    @property
    def diverged(self) -> bool:
        return self.metrics.get("diverged") == 1

    @property
    def budget(self) -> int:
        """Updates that it had, at most."""
        return int(self.params["train.steps"])

    @cached_property
    def chance(self) -> float | None:
        if "chance" in self.params:
            return float(self.params["chance"])
        if self.metrics.get("test/loss_over_chance"):
            return self.metrics["test/loss"] / self.metrics["test/loss_over_chance"]
        return None

    @property
    def trained_seq_len(self) -> int:
        """Steps of a sequence, where `length` may count a delay."""
        return int(self.params.get("seq_len", self.length))


def read_runs(client: MlflowClient, recorded: Sequence[Recorded]) -> list[Run]:
    """What MLflow has of these runs of rnnlab, in an order that the store does not decide."""
    mine = [
        run
        for run in recorded
        # One that was killed at its start has no params: its place in the grid is named as missing.
        if run.data.tags.get("rnnlab.kind") == "run" and "variant" in run.data.params
    ]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        runs = list(pool.map(lambda run: _read(client, run), mine))
    return sorted(runs, key=lambda r: (r.variant, r.task, r.length, r.seed, r.started, r.run_id))


def _read(client: MlflowClient, recorded: Recorded) -> Run:
    params, info = recorded.data.params, recorded.info
    length = params.get("length") or params.get("task.delay") or params.get("task.seq_len", "0")
    return Run(
        run_id=info.run_id,
        name=info.run_name or "",
        status=info.status,
        started=info.start_time or 0,
        variant=params["variant"],
        task=params["task"],
        length=int(length),
        seed=int(params["seed"]),
        params=params,
        metrics=_of_tested_model(client, recorded),
        curves={
            key: _curve(client, info.run_id, key) for key in CURVES if key in recorded.data.metrics
        },
        gradient=_gradient(client, recorded),
    )


def _of_tested_model(client: MlflowClient, recorded: Recorded) -> dict[str, float]:
    """The newest metrics, less what diagnostics saw of earlier weights alone.

    A value that is not finite is not recorded, so that the newest one may be an earlier look's.
    """
    metrics = dict(recorded.data.metrics)
    seen = [key for key in MEASURED if key in metrics]
    if seen and "test/loss" in metrics:
        run_id = recorded.info.run_id
        tested = _last_step(client, run_id, "test/loss")
        for key in seen:
            if _last_step(client, run_id, key) < tested:
                del metrics[key]
    return metrics


def _last_step(client: MlflowClient, run_id: str, key: str) -> int:
    return max(metric.step for metric in client.get_metric_history(run_id, key))


def _curve(client: MlflowClient, run_id: str, key: str) -> np.ndarray:
    points = {metric.step: metric.value for metric in client.get_metric_history(run_id, key)}
    return np.array(sorted(points.items()), dtype=float)


def _gradient(client: MlflowClient, recorded: Recorded) -> Mapping[str, np.ndarray] | None:
    if "memory/gradient_horizon" not in recorded.data.metrics:
        return None
    with tempfile.TemporaryDirectory() as folder:
        try:
            path = client.download_artifacts(recorded.info.run_id, GRADIENT, folder)
            with np.load(Path(path)) as file:
                return dict(file)
        except (MlflowException, OSError, ValueError):
            return None  # a failed run has none; the report says for how many it is missing
