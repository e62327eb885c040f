"""What an update takes, in time and in memory, from short sequences to long ones and from small networks to large.

Each is made in a process of its own, whose peak is that of one update alone.
"""

import math
import multiprocessing
import statistics
import time
from dataclasses import dataclass

import torch

from benchmarks.case import Case
from benchmarks.growth import CELLS, Updates
from rnnlab.foundation.compute import keep_freed_memory, set_flush_denormal, set_num_threads
from rnnlab.foundation.memory import peak, spelled, used

LENGTHS, UNITS = (100, 1000, 10_000, 100_000), (32, 64, 128, 256, 512, 1024)
BATCH = 20
LONG, FEW = (
    100_000,
    317,
)  # where the table has steps computed again too, and of how many one is kept
SOME = 10_000_000  # bytes: a smaller peak says little of what grows
HEADER = (
    "cell",
    "T",
    "H",
    "steps kept",
    "ms an update",
    "us a step",
    "memory",
    "bytes per unit and step",
)


@dataclass(frozen=True)
class Size:
    """Of one update of a cell on the adding problem, and what it took.

    Args:
        cell: By its name.
        seq_len: T.
        hidden_size: H.
        recompute_steps: Of how many steps one is kept.
        seconds: Of the processor, an update, the median.
        taken: Bytes, at the peak.
    """

    cell: str
    seq_len: int
    hidden_size: int
    recompute_steps: int | None = None
    seconds: float = math.nan
    taken: int = 0

    @property
    def by_step(self) -> float:
        return self.seconds / self.seq_len

    @property
    def by_unit(self) -> float:
        """Bytes for each unit at each step of a sequence."""
        return self.taken / self.seq_len / self.hidden_size / BATCH

    @property
    def row(self) -> list[str]:
        kept = "all" if self.recompute_steps is None else f"1 of {self.recompute_steps}"
        sizes = [f"{self.seq_len}", f"{self.hidden_size}"]
        times = [_three_digits(1e3 * self.seconds), _three_digits(1e6 * self.by_step)]
        return [self.cell, *sizes, kept, *times, spelled(self.taken), f"{self.by_unit:.3g}"]


def _three_digits(number: float) -> str:
    """`8370`, where others write 8.37e+03."""
    return f"{float(f'{number:.3g}'):g}"


def sizes() -> list[Size]:
    """All of T with few units, all of H at one length, and the longest once more."""
    made = []
    for cell in CELLS:
        made += [Size(cell, seq_len, UNITS[0]) for seq_len in LENGTHS]
        made.append(Size(cell, LONG, UNITS[0], FEW))
        made += [Size(cell, LENGTHS[1], units) for units in UNITS[1:]]
    return made


def measured(size: Size, rounds: int) -> Size:
    """In a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measured, (size, rounds))


def _measured(size: Size, rounds: int) -> Size:
    set_num_threads(1)
    set_flush_denormal(True)
    keep_freed_memory()
    cpu = torch.device("cpu")
    case = Case(size.cell, "adding", size.hidden_size, BATCH, size.seq_len)
    updates = Updates(case, size.recompute_steps)
    before = used(cpu)
    taken = peak(cpu, lambda: updates.seconds(1)) - before
    seconds = statistics.median(_processor_time(updates) for _ in range(rounds))
    return Size(
        size.cell, size.seq_len, size.hidden_size, size.recompute_steps, seconds, max(0, taken)
    )


def _processor_time(updates: Updates) -> float:
    """Seconds of an update, whatever else the machine does."""
    began = time.process_time()
    updates.seconds(1)
    return time.process_time() - began


def growth_of(found: list[Size], cell: str) -> str:
    """How much more than its formula each grows, from the first of which it is true to the last.

    Time goes as T, and at many units as H^2; memory as T H. 1 is as the formula says, and less is better.
    """
    own = [size for size in found if size.cell == cell and size.recompute_steps is None]
    long = [size for size in own if size.hidden_size == UNITS[0]]
    wide = [size for size in own if size.seq_len == LENGTHS[1]]
    seen = [size for size in long if size.taken > SOME]
    first, last = (size.seconds / size.hidden_size**2 for size in (wide[-3], wide[-1]))
    figures = {
        f"time by T, {long[1].seq_len} to {long[-1].seq_len}": long[-1].by_step / long[1].by_step,
        f"time by H^2, {wide[-3].hidden_size} to {wide[-1].hidden_size}": last / first,
        f"memory by T, {seen[0].seq_len} to {seen[-1].seq_len}": seen[-1].by_unit / seen[0].by_unit,
        f"memory by H, {wide[-3].hidden_size} to {wide[-1].hidden_size}": wide[-1].by_unit
        / wide[-3].by_unit,
    }
    return f"{cell}: " + ", ".join(f"{name}: {figure:.2f}" for name, figure in figures.items())
