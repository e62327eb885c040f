"""A whole sweep, from the command to its last metric, against stock Lightning under Hydra."""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
CELLS, TASKS, SEEDS = ("elman", "elman_clipped", "lstm", "gru"), ("adding", "temporal_order"), 6
SIZES = ("train.steps=500", "train.val_every=100", "eval.sequences=10000")
OURS = (
    *("-m", f"cell={','.join(CELLS)}", f"task={','.join(TASKS)}", f"seed=range({SEEDS})"),
    *(*SIZES, "train.stop_when_solved=false"),
)
STOCK = ("-m", f"cell={','.join(CELLS)}", f"task={','.join(TASKS)}", f"seed=range({SEEDS})")


def run(command: list[str], folder: Path) -> tuple[float, float]:
    """Seconds until the last metric was stored, and until the command's end.

    Raises:
        RuntimeError: With what it printed, if it failed.
    """
    environment = {k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"}
    environment |= {"OMP_NUM_THREADS": "1", "MLFLOW_DISABLE_TELEMETRY": "true"}
    began = time.time()
    done = subprocess.run(
        command, check=False, cwd=folder, env=environment, capture_output=True, text=True
    )
    ended = time.time()
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr[-4000:]}")
    with sqlite3.connect(folder / "mlflow.db") as store:
        ((last,),) = store.execute("select max(timestamp) from metrics").fetchall()
    return last / 1000 - began, ended - began


def losses(folder: Path) -> dict[str, list[float]]:
    """`test/loss` of every run in the folder's store, by cell and task."""
    query = """select c.value || ' ' || t.value, m.value from metrics m
        join params c on c.run_uuid = m.run_uuid and c.key = 'cell'
        join params t on t.run_uuid = m.run_uuid and t.key = 'task'
        where m.key = 'test/loss' order by 1, 2"""
    found: dict[str, list[float]] = {}
    with sqlite3.connect(folder / "mlflow.db") as store:
        for name, loss in store.execute(query):
            found.setdefault(name, []).append(loss)
    return found


def ours(*more: str) -> list[str]:
    """The command of rnnlab's sweep."""
    return [sys.executable, "-m", "rnnlab.run", *OURS, *more]


def stock() -> list[str]:
    """The command of the stock sweep."""
    return [sys.executable, str(HERE / "stock.py"), *STOCK]


def time_sweeps(commands: dict[str, list[str]], rounds: int) -> dict[str, dict[str, Any]]:
    """Each command in turn, each time in an empty folder."""
    found: dict[str, dict[str, Any]] = {name: {"stored": [], "ended": []} for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            folder = Path(tempfile.mkdtemp())
            stored, ended = run(command, folder)
            found[name]["stored"].append(stored)
            found[name]["ended"].append(ended)
            found[name]["losses"] = losses(folder)
            shutil.rmtree(folder)
            sys.stdout.write(f"{name}: {stored:.1f} s to its last metric, {ended:.1f} s in all\n")
            sys.stdout.flush()
    return found


def seconds_of_sweep(runs: int, jobs: int) -> float:
    """A sweep of so many seeds of one setting, in so many processes at once."""
    command = [
        *(sys.executable, "-m", "rnnlab.run", "-m", "cell=elman", f"seed=range({runs})"),
        *("train.steps=1000", "train.stop_when_solved=false", "tracking.log_model=false"),
        f"hydra.launcher.n_jobs={jobs}",
    ]
    with tempfile.TemporaryDirectory() as folder:
        return run(command, Path(folder))[0]


def start_seconds(rounds: int) -> dict[str, list[float]]:
    """How long the command line takes to say what it has."""
    found: dict[str, list[float]] = {}
    for arguments in (("--help",), ("--cfg", "job")):
        times = found.setdefault(" ".join(arguments), [])
        for _ in range(rounds):
            began = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "rnnlab.run", *arguments], check=True, capture_output=True
            )
            times.append(time.perf_counter() - began)
    return found
