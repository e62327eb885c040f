"""How much memory a device has left, and how much a piece of work takes of it at its peak."""

import ctypes
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

PROC = Path("/proc")
GROUPS = Path("/sys/fs/cgroup")
FILES = {  # of a control group: its limit, its use, and what of that is files that need not stay
    "memory": ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    "": ("memory.max", "memory.current", "inactive_file"),  # version 2
}
RESET = "5"  # of /proc/self/clear_refs: the peak so far is forgotten


def free_memory(device: torch.device) -> int | None:
    """Bytes that are left for this process; None where nobody says."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if device.type != "cpu":
        return None
    return min([*_available(), *left_in_groups()], default=None)


def _available() -> Iterator[int]:
    """Of the machine, as Linux has it."""
    try:
        yield _number("MemAvailable", PROC / "meminfo")
    except (OSError, LookupError):
        return


def left_in_groups(proc: Path = PROC, groups: Path = GROUPS) -> Iterator[int]:
    """Of each limit that is set to a group of processes which this one belongs to."""
    try:
        lines = (proc / "self" / "cgroup").read_text("utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, kinds, place = line.split(":", 2)
        for kind in kinds.split(","):
            if kind in FILES:
                own = groups / kind / place.strip("/")
                # In a container its own group is the root, whatever it is called outside.
                for folder in dict.fromkeys([own, *own.parents, groups / kind]):
                    if folder.is_relative_to(groups):
                        yield from _left_in(folder, *FILES[kind])


def _left_in(folder: Path, limit: str, use: str, inactive: str) -> Iterator[int]:
    try:
        most, used = (int((folder / name).read_text()) for name in (limit, use))
        files = re.search(rf"^{inactive} (\d+)", (folder / "memory.stat").read_text(), re.MULTILINE)
    except (OSError, ValueError):  # no such group, or "max"
        return
    yield max(0, most - used + (int(files[1]) if files else 0))


def can_measure(device: torch.device) -> bool:
    """Whether `used` and `peak` know of this device."""
    if device.type != "cpu":
        return device.type == "cuda"
    try:
        (PROC / "self" / "clear_refs").write_text(RESET)
    except OSError:
        return False
    return True


def used(device: torch.device) -> int:
    """Bytes that this process has there now; what it has freed and kept is given back first."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        return torch.cuda.memory_allocated(device)
    if (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)) is not None:
        trim(0)
    return _number("VmRSS", PROC / "self" / "status")


def peak(device: torch.device, work: Callable[[], Any]) -> int:
    """Bytes that this process has there at most while it works."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        work()
        return torch.cuda.max_memory_allocated(device)
    (PROC / "self" / "clear_refs").write_text(RESET)
    work()
    return _number("VmHWM", PROC / "self" / "status")


def _number(name: str, path: Path) -> int:
    """Bytes, of a line as `VmHWM:  1234 kB`."""
    found = re.search(rf"^{name}:\s*(\d+) kB", path.read_text("utf-8"), re.MULTILINE)
    if found is None:
        raise LookupError(f"{path} has no {name}")
    return 1024 * int(found[1])


def spelled(count: float) -> str:
    """`3.2 GB`"""
    for unit, size in (("TB", 1e12), ("GB", 1e9)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count / 1e6:.3g} MB"
