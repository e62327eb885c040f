"""Runs as a comparison sees them, and how they are read back from MLflow."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from mlflow import MlflowClient
from mlflow.entities import Run as MlflowRun
from mlflow.exceptions import MlflowException

from rnnlab.diagnostics.history import read_history
from rnnlab.foundation.censored import CENSORED
from rnnlab.foundation.run_folder import RunFolder
from rnnlab.tracking.changes import CHANGES_TAG, with_changes
from rnnlab.tracking.manifest import REPORTED_TAG
from rnnlab.tracking.named_store import refuse_other_place
from rnnlab.tracking.pages import metric_history

GRADIENT = (RunFolder(Path()).diagnostics / "gradient_by_lag.npz").as_posix()
CURVES = ("val/loss", "grad/norm", "grad/clip_fraction")
HORIZON = "memory/gradient_horizon"
NEEDED = ("variant", "task", "seed")
"""Params without which a run has no place in a comparison."""
AT_ONCE = 8  # requests to a store

# What runs of rnnlab 0.1 do not say of themselves: which key is their length, the first of these
# that they have, and what their diagnostics' metrics are called.
LENGTH_KEYS_OF_01 = ("task.delay", "task.seq_len")
REPORTED_OF_01 = {
    "memory/gradient_horizon": "gradient horizon (steps)",
    "memory/capacity": "memory capacity",
    "recurrent/spectral_radius": "spectral radius",
    "recurrent/lyapunov_max": "Lyapunov exponent (1/step)",
    "recurrent/omega": "Omega",
    "recurrent/saturation": "saturated units",
}


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
    reported: Mapping[str, str] = field(default_factory=dict)
    """Which metrics of its diagnostics a report shows, each with the name of its column."""

    @property
    def finished(self) -> bool:
        return self.status == "FINISHED"

    @property
    def has_criterion(self) -> bool:
        """Whether its task says when it counts as solved."""
        return self.params.get("solved_below") != "null"

    @property
    def solved(self) -> bool:
        return self.metrics.get("test/solved") == 1

    @property
    def diverged(self) -> bool:
        return self.metrics.get("diverged") == 1

    @property
    def budget(self) -> int:
        """Updates that it had, at most."""
        steps = self.params.get("train.steps", "")
        if not steps.isdecimal():
            raise ValueError(f"run {self.run_id} says train.steps={steps!r}, which is no number")
        return int(steps)

    @cached_property
    def chance(self) -> float | None:
        if "chance" in self.params:
            return float(self.params["chance"])
        if self.metrics.get("test/loss_over_chance"):
            return self.metrics["test/loss"] / self.metrics["test/loss_over_chance"]
        return None

    @property
    def chance_error(self) -> float | None:
        """The error of the answer whose loss is chance."""
        return float(self.params["chance_error"]) if "chance_error" in self.params else None

    @property
    def chance_accuracy(self) -> float | None:
        """The highest accuracy without the inputs, at its own length."""
        known = "chance_accuracy" in self.params
        return float(self.params["chance_accuracy"]) if known else None

    @property
    def baselines(self) -> dict[str, float]:
        """Further levels of its task, by name."""
        of = "baseline/"
        return {k.removeprefix(of): v for k, v in self.metrics.items() if k.startswith(of)}

    @property
    def gradient_norm(self) -> float | None:
        """The median of `grad/norm`, whose points are means over a block of updates."""
        curve = self.curves.get("grad/norm")
        return None if curve is None or not len(curve) else float(np.median(curve[:, 1]))

    @cached_property
    def other_lengths(self) -> list[int]:
        """Steps of the sequences, besides its own, that it was tested on (`length/<n>/error`)."""
        parts = (key.split("/", 2) for key in self.metrics if key.startswith("length/"))
        return sorted(int(length) for _, length, measure in parts if measure == "error")

    @property
    def length_key(self) -> str:
        """The param that is its length, as `task.delay`."""
        return self.params.get("length_key") or _length_key_of_01(self.params)

    @property
    def trained_seq_len(self) -> int:
        """Steps of a sequence, where `length` may count a delay."""
        return int(self.params.get("seq_len", self.length))


def newest_text(runs: Sequence[Run], param: str) -> str:
    """What the newest of some runs that has it says of it; empty where none has."""
    newest = sorted(runs, key=lambda run: run.started, reverse=True)
    return next((run.params[param] for run in newest if param in run.params), "")


def read_runs(client: MlflowClient, recorded: Sequence[MlflowRun]) -> list[Run]:
    """What MLflow has of these runs of rnnlab, in an order that the store does not decide."""
    mine = [
        run
        for run in recorded
        # One that was killed at its start has no params: its place in the grid is named as missing.
        if run.data.tags.get("rnnlab.kind") == "run" and set(NEEDED) <= run.data.params.keys()
    ]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        runs = list(pool.map(lambda run: _read(client, run), mine))
    return sorted(runs, key=lambda r: (r.variant, r.task, r.length, r.seed, r.started, r.run_id))


def _read(client: MlflowClient, recorded: MlflowRun) -> Run:
    try:
        return _read_whole(client, recorded)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"run {recorded.info.run_id} cannot be compared: {error}") from error


def _read_whole(client: MlflowClient, recorded: MlflowRun) -> Run:
    info, changes = recorded.info, recorded.data.tags.get(CHANGES_TAG, "")
    params = with_changes(recorded.data.params, changes)
    reported = _reported(recorded)
    return Run(
        run_id=info.run_id,
        name=info.run_name or "",
        status=info.status,
        started=info.start_time or 0,
        variant=params["variant"],
        task=params["task"],
        length=int(params.get("length") or params.get(_length_key_of_01(params), "0")),
        seed=int(params["seed"]),
        params=params,
        metrics=_of_tested_model(client, recorded, reported),
        curves={
            key: _curve(client, info.run_id, key) for key in CURVES if key in recorded.data.metrics
        },
        gradient=_gradient(client, recorded),
        reported=reported,
    )


def _length_key_of_01(params: Mapping[str, str]) -> str:
    return next((key for key in LENGTH_KEYS_OF_01 if key in params), "")


def _reported(recorded: MlflowRun) -> Mapping[str, str]:
    """What the run says of its diagnostics; nothing where that is not to be read."""
    if "length_key" not in recorded.data.params:
        return REPORTED_OF_01
    with suppress(ValueError, AttributeError):
        found = json.loads(recorded.data.tags.get(REPORTED_TAG, "{}"))
        return {str(metric): str(column) for metric, column in found.items()}
    return {}


def _of_tested_model(
    client: MlflowClient, recorded: MlflowRun, reported: Mapping[str, str]
) -> dict[str, float]:
    """The newest metrics, less what diagnostics saw of earlier weights alone.

    A value that is not finite is not recorded, so that the newest one may be an earlier look's.
    """
    metrics = dict(recorded.data.metrics)
    if HORIZON in metrics:  # an older run does not say whether the gradient had faded
        steps = int(recorded.data.params.get("seq_len", 0))
        metrics.setdefault(HORIZON + CENSORED, float(0 < steps <= metrics[HORIZON]))
    seen = [key for key in reported if key in metrics]
    if CHANGES_TAG in recorded.data.tags:  # it may have been asked before it trained on
        seen += [key for key in metrics if key.startswith("length/")]
    if seen and "test/loss" in metrics:
        run_id = recorded.info.run_id
        tested = _last_step(client, run_id, "test/loss")
        for key in seen:
            if _last_step(client, run_id, key) < tested:
                del metrics[key]
    return metrics


def _last_step(client: MlflowClient, run_id: str, key: str) -> int:
    return max(metric.step for metric in metric_history(client, run_id, key))


def _curve(client: MlflowClient, run_id: str, key: str) -> np.ndarray:
    points = {metric.step: metric.value for metric in metric_history(client, run_id, key)}
    return np.array(sorted(points.items()), dtype=float)


def _gradient(client: MlflowClient, recorded: MlflowRun) -> Mapping[str, np.ndarray] | None:
    if HORIZON not in recorded.data.metrics:
        return None
    with tempfile.TemporaryDirectory() as folder:
        try:
            refuse_other_place(client, recorded.info.run_id)
            path = client.download_artifacts(recorded.info.run_id, GRADIENT, folder)
            arrays = read_history(Path(path))
            return arrays if arrays["h"].ndim == 2 else None
        except (MlflowException, OSError, ValueError, KeyError):
            return None  # a failed run has none; the report says for how many it is missing
