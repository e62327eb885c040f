"""Runs made by hand, for the tests of what is said of them."""

from typing import Any

import numpy as np

from rnnlab.report.read_runs import Run

REPORTED = {
    "memory/gradient_horizon": "gradient horizon (steps)",
    "memory/capacity": "memory capacity",
}


def run(
    variant: str = "gru",
    task: str = "adding",
    length: int = 50,
    seed: int = 0,
    loss: float | None = 0.1,
    solved_at: float | None = None,
    status: str = "FINISHED",
    started: int = 0,
    params: dict[str, str] | None = None,
    **metrics: float,
) -> Run:
    """A run with as much as a report looks at; `memory__capacity=3` is memory/capacity."""
    measured = {"test/solved": float(solved_at is not None), "diverged": 0.0}
    if loss is not None:
        measured |= {"test/loss": loss, "test/loss_over_chance": 6 * loss, "test/error": 0.5}
    if solved_at is not None:
        measured["steps_to_solve"] = solved_at
    measured |= {name.replace("__", "/"): value for name, value in metrics.items()}
    own_params: dict[str, Any] = {
        "variant": variant,
        "task": task,
        "length": str(length),
        "seq_len": str(length),
        "seed": str(seed),
        "chance": str(1 / 6),
        "num_params": "1000",
        "train.steps": "4000",
        "optimizer.lr": "0.005",
    }
    lags = np.arange(length)
    return Run(
        run_id=f"{variant}-{task}-{length}-{seed}-{started}",
        name=f"{variant} · {task} {length} · s{seed}",
        status=status,
        started=started,
        variant=variant,
        task=task,
        length=length,
        seed=seed,
        params=own_params | (params or {}),
        metrics=measured,
        curves={
            "val/loss": np.array([[100, 0.17], [200, loss or 0.2]]),
            "grad/norm": np.array([[50, 1.0], [100, 2.0 + seed]]),
            "grad/clip_fraction": np.array([[50, 0.0], [100, 0.5]]),
        },
        reported=REPORTED,
        gradient={
            "updates": np.array([0, 200]),
            "h": np.stack([0.5**lags, 0.9**lags * (1 + seed)]),
        },
    )
