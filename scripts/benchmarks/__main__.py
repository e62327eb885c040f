"""scripts/benchmark: how fast rnnlab is, against what people would otherwise use.

Prints tables, and writes benchmark.json, ratios.png and growth.png. Losses are compared before
anything is timed; peers take turns with rnnlab on one core, in a process of their own.
"""

import argparse
import importlib.util
import json
import os
import platform
import statistics
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

PARTS = ("updates", "sweep", "start", "growth", "sizes")


def main() -> None:
    """Run the parts that are asked for, and keep what was found of the others."""
    command = parser()
    arguments = command.parse_args()
    if unknown := set(arguments.parts) - set(PARTS):
        command.error(f"{', '.join(sorted(unknown))}: choose from {', '.join(PARTS)}")
    if arguments.rounds < 1:
        command.error(f"--rounds={arguments.rounds} is too small: at least 1")
    if arguments.peers_keep_memory and "updates" not in (arguments.parts or PARTS):
        command.error("--peers-keep-memory is for updates")
    if arguments.device == "cuda":
        if arguments.parts != ["updates"]:
            command.error("--device=cuda is for updates alone")
        if not _has_cuda():
            command.error("--device=cuda: torch finds none here")
    folder = arguments.output.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "benchmark.json"
    found = json.loads(path.read_text("utf-8")) if path.exists() else {}
    found["machine"] = machine()
    parts: dict[str, Callable[[int, Path], Any]] = {
        "updates": partial(
            updates, keep_freed_memory=arguments.peers_keep_memory, device=arguments.device
        ),
        "sweep": sweep,
        "start": start,
        "growth": growth,
        "sizes": sizes,
    }
    for part in arguments.parts or PARTS:
        name = part if arguments.device == "cpu" else f"{part} on {arguments.device}"
        found[name] = parts[part](arguments.rounds, folder)
        path.write_text(json.dumps(found, indent=1), encoding="utf-8")
    sys.stdout.write(f"{path}\n")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="scripts/benchmark", description=__doc__)
    made.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)} (all)")
    made.add_argument("--rounds", type=int, default=15, help="of interleaved blocks (15)")
    made.add_argument(
        "--peers-keep-memory",
        action="store_true",
        help="let the peers' process too keep what it has freed (mallopt)",
    )
    made.add_argument(
        "--device", choices=("cpu", "cuda"), default="cpu", help="that makes the updates (cpu)"
    )
    made.add_argument("--output", type=Path, default=Path("outputs/benchmark"), metavar="FOLDER")
    return made


def machine() -> dict[str, str]:
    """What the figures are of."""
    from importlib.metadata import version

    info = Path("/proc/cpuinfo")
    names = info.read_text("utf-8").splitlines() if info.exists() else []
    model = next((n.partition(":")[2].strip() for n in names if n.startswith("model name")), "")
    names = ["torch", "numpy", "pytorch-lightning", "mlflow"]
    names += [n for n in ("jax", "optax") if importlib.util.find_spec(n)]
    packages = {n: version(n) for n in names}
    blas = [f"{each['internal_api']} for {each.get('architecture')}" for each in _blas()]
    processor = {"processor": model or platform.machine(), "cores": str(os.cpu_count())}
    return {**processor, **packages, "numpy's BLAS": ", ".join(blas)}


def _has_cuda() -> bool:
    import torch

    return torch.cuda.is_available()


def _blas() -> list[dict[str, Any]]:
    import numpy  # noqa: F401  which loads it
    from threadpoolctl import threadpool_info

    return [each for each in threadpool_info() if each["user_api"] == "blas"]


def updates(rounds: int, folder: Path, keep_freed_memory: bool, device: str) -> Any:
    """Inside rnnlab's training, against bare loops, all on one core or one device."""
    cores = os.sched_getaffinity(0)
    if device == "cpu":  # beside another the backward pass has a thread of its own
        os.sched_setaffinity(0, {max(cores)})  # of the peers' processes too
    try:
        from benchmarks.ratios import time_all  # with torch, which counts the cores

        return time_all(rounds, folder, keep_freed_memory, device)
    finally:
        os.sched_setaffinity(0, cores)


def sweep(rounds: int, folder: Path) -> Any:
    """4 cells x 2 tasks x 6 seeds."""
    from benchmarks.sweep import ours, stock, time_sweeps
    from rnnlab.foundation.table import markdown_table

    bare = ("diagnostics=none", "tracking.log_model=false")
    commands = {
        "rnnlab": ours(*bare),
        "rnnlab with diagnostics and models": ours(),
        "rnnlab, 1 process": ours(*bare, "hydra.launcher.n_jobs=1"),
        "stock": stock(),
    }
    found = time_sweeps(commands, max(1, rounds // 5))
    own = statistics.median(found["rnnlab"]["stored"])
    for name in commands:
        ratio = statistics.median(found[name]["stored"]) / own
        sys.stdout.write(f"{name}: {ratio:.2f} times rnnlab's time\n")
    names = ("rnnlab", "stock")
    header = ["cell and task", *(f"{name}: median test loss" for name in names)]
    medians = [{k: statistics.median(v) for k, v in found[n]["losses"].items()} for n in names]
    table = [[k, *(f"{losses[k]:.4g}" for losses in medians)] for k in medians[0]]
    sys.stdout.write(f"{markdown_table(header, table)}\n")
    return found


def start(rounds: int, folder: Path) -> Any:
    """What is only asked about."""
    from benchmarks.sweep import start_seconds

    found = start_seconds(rounds)
    for name, times in found.items():
        sys.stdout.write(f"{name}: {statistics.median(times):.2f} s\n")
    return found


def growth(rounds: int, folder: Path) -> Any:
    """Cost against size."""
    from benchmarks.figures import draw_growth
    from benchmarks.growth import CELLS, per_step
    from benchmarks.growth import growth as measure

    found = measure(rounds)
    for cell in CELLS:
        fixed, added = per_step(found[cell]["seq_len"])
        low, high = min(added), max(added)
        sys.stdout.write(
            f"{cell}: {1e3 * fixed:.2f} ms an update and {1e6 * low:.2f} to {1e6 * high:.2f} us a "
            f"time step ({high / low - 1:.0%} apart) from T = 100 to 2000\n"
        )
    draw_growth(found, folder / "growth.png")
    return found


def sizes(rounds: int, folder: Path) -> Any:
    """Time and memory up to 100,000 steps and 1024 units."""
    from benchmarks.sizes import CELLS, HEADER, growth_of, measured
    from benchmarks.sizes import sizes as all_sizes
    from rnnlab.foundation.table import markdown_table

    found = []
    for size in all_sizes():
        found.append(measured(size, max(1, rounds // 5)))
        sys.stderr.write(f"{' '.join(found[-1].row)}\n")
    sys.stdout.write(f"{markdown_table(HEADER, [size.row for size in found])}\n")
    sys.stdout.write("".join(f"{growth_of(found, cell)}\n" for cell in CELLS))
    return [vars(size) for size in found]


if __name__ == "__main__":
    main()
