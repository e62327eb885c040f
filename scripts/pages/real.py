"""What cells reach on real sequences: the sweeps of the table in rnnlab/tasks/README.md, and the table."""

import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from rnnlab.foundation.statistics import mean_interval
from rnnlab.foundation.table import markdown_table
from rnnlab.tracking.result import Result

BEGIN, END = "<!-- real: made by scripts/real -->\n", "<!-- end of real -->\n"


class Row(NamedTuple):
    """What a sweep is asked for, and which of its figures is shown."""

    words: tuple[str, ...]
    figure: str = "error"
    published: str = "-"


SWEEPS = (
    Row(("task=digits", "cell=gru,lstm", "seed=0,1,2")),
    Row(
        ("task=mnist1d", "cell=gru,lstm", "seed=0,1,2", "train.steps=4000"),
        published="GRU, 6 units: 9 %",
    ),
    Row(
        (
            *("task=japanese_vowels", "cell=elman,gru,lstm", "seed=0,1,2,3,4"),
            *("train.steps=1000", "train.val_every=50"),
        ),
        published="5.9 %, HMM 3.8 %",
    ),
    Row(
        (
            *("task=text", "cell=gru,lstm", "cell.hidden_size=128", "seed=0,1,2"),
            *("optimizer.lr=0.003", "train.steps=2500", "train.val_every=250"),
        ),
        figure="bits",
    ),
)


def swept(row: Row, folder: Path) -> list[Result]:
    """The results of a sweep, run if it has not been."""
    if not folder.exists():
        command = [sys.executable, "-m", "rnnlab.run", "-m", *row.words, "diagnostics=none"]
        subprocess.run([*command, f"hydra.sweep.dir={folder}"], check=True)
    return [Result.read(path.parent) for path in sorted(folder.glob("*/result.json"))]


def rows(row: Row, results: list[Result]) -> list[list[str]]:
    """One of the table for each cell."""
    by_cell = defaultdict(list)
    for result in results:
        by_cell[result.variant].append(result)
    return [_row(row, cell, some) for cell, some in by_cell.items()]


def _row(row: Row, cell: str, results: list[Result]) -> list[str]:
    values, one = [result.metrics[f"test/{row.figure}"] for result in results], results[0]
    mean, (low, high) = fmean(values), mean_interval(values, least=0.0)
    if row.figure == "error":
        value = f"{mean:.1%} wrong [{low:.1%}, {high:.1%}]".replace("%", " %")
        chance = f"{one.chance_error:.1%}".replace("%", " %")
        levels = "-"
    else:
        value = f"{mean:.2f} {row.figure} [{low:.2f}, {high:.2f}]"
        start = f"{row.figure}/"
        named = {k.removeprefix(start): v for k, v in one.baselines.items() if k.startswith(start)}
        chance = f"{named.pop('unigram'):.2f} (unigram)"
        levels = ", ".join(f"{name} {level:.2f}" for name, level in named.items())
    seconds = sum(result.seconds for result in results) / len(results)
    return [
        one.task,
        cell,
        str(len(results)),
        value,
        chance,
        levels,
        row.published,
        f"{seconds:.0f} s",
    ]


HEADER = [
    "task",
    "cell",
    "seeds",
    "test, mean",
    "chance",
    "other levels",
    "published",
    "a run takes",
]

if __name__ == "__main__":
    page = Path(sys.argv[1])
    made = [
        line
        for row in SWEEPS
        for line in rows(row, swept(row, Path(row.words[0].removeprefix("task=")).absolute()))
    ]
    before, rest = page.read_text(encoding="utf-8").split(BEGIN)
    _, after = rest.split(END)
    table = f"\n{markdown_table(HEADER, made)}\n\n"
    page.write_text(f"{before}{BEGIN}{table}{END}{after}", encoding="utf-8")
