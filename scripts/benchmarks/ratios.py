"""All cases of an update, one after another: the table of what rnnlab is against its peers."""

import importlib.util
import shutil
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import torch

from benchmarks.case import Case
from benchmarks.figures import draw_ratios
from benchmarks.served_peers import Choice
from benchmarks.targets import LARGE, ON_CUDA, TARGETS
from benchmarks.timed import HEADER, Timed
from benchmarks.updates import time_updates
from rnnlab.foundation.compute import set_num_threads
from rnnlab.foundation.quiet import quiet_tools
from rnnlab.foundation.table import markdown_table


def time_all(rounds: int, folder: Path, keep_freed_memory: bool, device: str) -> dict[str, Any]:
    """Say each case as it comes, print a table of all, and draw their ratios.

    Args:
        rounds: Of each case; a third of them of the largest.
        folder: For the figure.
        keep_freed_memory: Whether the peers' process too keeps it.
        device: "cpu", or "cuda", which has cases and targets of its own.
    """
    quiet_tools()
    choice = _choice(keep_freed_memory, device)
    peak = gemm_peak(device)
    rows: list[dict[str, Any]] = []
    table: list[list[str]] = []
    timed: list[Timed] = []
    for task in ("adding", "copy_memory"):
        for (cell, sizes), targets in (TARGETS if device == "cpu" else ON_CUDA).items():
            case = Case(cell, task, *sizes, device)
            some = max(1, rounds // 3) if sizes == LARGE else rounds
            timing = time_updates(case, some, choice)
            timed.append(timing)
            rows += [_as_dict(timing, peer, targets.get(peer)) for peer in timing.peers]
            table += [timing.row(peer, peak, targets.get(peer)) for peer in timing.peers]
            medians = (f"{row[1]} {row[2]}" for row in table[-len(timing.peers) :])
            sys.stderr.write(f"{case}: {', '.join(medians)}\n")
    sys.stdout.write(f"{markdown_table(HEADER, table)}\n")
    draw_ratios(rows, folder / ("ratios.png" if device == "cpu" else f"ratios_{device}.png"))
    name = torch.cuda.get_device_name() if device == "cuda" else "one core"
    sys.stdout.write(f"GEMM peak of {name}: {peak / 1e9:.1f} GFLOP/s\n")
    _say_what_is_logged(timed)
    _say_what_is_missed(rows)
    return {
        "device": name,
        "gemm_peak": peak,
        "rows": rows,
        "timed": [each.as_dict() for each in timed],
    }


def _choice(keep_freed_memory: bool, device: str) -> Choice:
    jax, compiled = _has_jax(device), shutil.which("g++") is not None
    for there, what in ((jax, f"JAX and Optax on {device}"), (compiled, "g++, for torch.compile")):
        if not there:
            sys.stderr.write(f"left out: {what}\n")
    return Choice(jax, compiled, keep_freed_memory)


def _has_jax(device: str) -> bool:
    """Whether JAX and Optax are there, and compute on the device."""
    from importlib.metadata import distributions

    on_cuda = any(found.name.startswith("jax-cuda") for found in distributions())
    return importlib.util.find_spec("optax") is not None and (device == "cpu" or on_cuda)


def _as_dict(timing: Timed, peer: str, target: float | None) -> dict[str, Any]:
    ratios = timing.ratios(peer)
    return {
        "case": str(timing.case),
        "peer": peer,
        "ratio": statistics.median(ratios),
        "range": [min(ratios), max(ratios)],
        "target": target,
    }


def _say_what_is_logged(timed: list[Timed]) -> None:
    shares = [statistics.median(each.logged) / statistics.median(each.ours) for each in timed]
    sys.stdout.write(
        f"perf/seconds_per_update is {min(shares):.1%} to {max(shares):.1%} of these times, which have "
        "Lightning, the journal and the store in them\n"
    )


def _say_what_is_missed(rows: list[dict[str, Any]]) -> None:
    held = [row for row in rows if row["target"] is not None]
    missed = [row for row in held if row["ratio"] < row["target"]]
    for row in missed:
        sys.stdout.write(
            f"missed: {row['case']} against {row['peer']}, {row['ratio']:.2f} of {row['target']:g}\n"
        )
    if held:
        sys.stdout.write(f"{len(missed)} of {len(held)} targets are missed\n")


def gemm_peak(device: str, seconds: float = 1.0) -> float:
    """Floating-point operations a second of a float32 matrix product at its best.

    On the CPU torch's or numpy's.
    """
    set_num_threads(1)
    size = 1024 if device == "cpu" else 8192
    a = torch.randn(size, size, device=device)
    best, until = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < until:
        for matrix in (a, a.numpy()) if device == "cpu" else (a,):
            began = time.perf_counter()
            product = matrix @ matrix
            product[0, 0].item()  # by then it is there
            best = min(best, time.perf_counter() - began)
    return 2 * size**3 / best
