"""The comparison of many runs as a page, as Markdown, as csv, and its figures as PNG.

It opens with the answer; then comes the table, then what may be concluded, then all else, and last
how it was made. The same runs give the same bytes: nothing in it depends on the clock, on the order
in which a store returns runs, or on how they were selected.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from rnnlab.foundation.files import write_text
from rnnlab.foundation.table import markdown_table
from rnnlab.report.answer import answers
from rnnlab.report.columns import TABLE, table
from rnnlab.report.compared import CELLS_HEADER, TASKS_HEADER, cell_rows, task_rows
from rnnlab.report.csv_file import csv_text
from rnnlab.report.digest import conclusions, digest
from rnnlab.report.findings import Finding, findings
from rnnlab.report.grid import Grid, make_grid
from rnnlab.report.page import page
from rnnlab.report.panels import Plot
from rnnlab.report.plots import PLOTS, draw
from rnnlab.report.read_runs import Run
from rnnlab.report.right_answers import HEADER as ACCURACY_HEADER
from rnnlab.report.right_answers import accuracy_rows
from rnnlab.report.rows import (
    OTHER_LENGTHS_HEADER,
    measured_row,
    other_lengths_rows,
)

ORDER = "Sorted by task and length, and there the best outcome first; this order is no ranking."
DPI = 200  # of the pictures, for dense screens
TEXTS, PICTURES = ("report.html", "report.md", "comparison.csv"), "figures"

METHOD = """\
Parameters: the trainable numbers of a model. State: the numbers that it carries from step to step. \
Multiplications of a step: as they grow with H, the units of a layer.
Wrong by chance: the error of the answer whose loss is chance, as the most frequent class.
Solved: fewer than the task's share of the test sequences (1 % of 10,000, unless set otherwise) are \
wrong; the interval is Wilson's (1927), at 95 %. A task that names no such share, as most real data do not, is neither solved nor unsolved: its variants are compared by test loss.
The best outcome: solved most often, then in the fewest updates, then with the lowest mean test loss.
Median steps to solve: Kaplan and Meier's (1958); a run that has not solved the task counts as longer \
than its budget.
Means stand with Student's (1908) 95 % interval over seeds; one seed has none. Where some seeds have \
solved the task and others have not, each kind has its own mean and interval: a mean of both would be of \
neither, and its interval would not cover what it says. The interval covers less than 95 % of very skewed \
values (about 84 %), and of unsolved runs of which some are at chance and others are not (about 70 %). It ends \
at 0 where no value is negative.
Horizon, of a search: where the likeliest success rate that does not rise with length falls below the \
share (Ayer et al., 1955); its 95 % interval has what a likelihood ratio does not reject.
Median gradient norm: of the gradient of all parameters before clipping; the median over runs of a \
run's median over its points of `grad/norm`, each of which is the mean of a block of updates.
A value after > is a lower bound: a gradient horizon of > 50 had not faded within sequences of 50 steps.
At the level of chance: all losses are above 95 % of chance, the loss of the best answer that ignores \
the inputs.
An order is claimed only where a test gives p < 0.05, corrected for the number of pairs at the same task \
and length (Holm, 1979). Each pair has one test: of updates where all runs of both solved the task, of the \
test loss where none did or too few for their number to tell (both permutation tests of the means), else of \
how often they did (Boschloo, 1970). \
Both tests ask whether the runs could all come from one variant. So variants with equal means may be told \
apart where their spreads differ: in about 12 % of comparisons of two, and in half of them where one run in ten \
of one variant is far from the others.
Seeds that would tell variants apart: with as many of each, the claim comes in 80 % of 400 simulated \
repeats, under the same tests and correction, at most 50.
A diverged run is judged by its best checkpoint, and is unsolved if there is none. \
Failed, stopped and running ones are counted in a column of their own, and in no mean, rate or figure.\
""".splitlines()


@dataclass(frozen=True)
class Report:
    """All that a comparison says, from the runs alone."""

    grid: Grid

    @cached_property
    def answers(self) -> list[str]:
        return answers(self.grid)

    @cached_property
    def findings(self) -> list[Finding]:
        return findings(self.grid)

    @cached_property
    def plots(self) -> list[Plot]:
        return draw(self.grid)

    @property
    def header(self) -> list[str]:
        """Of the first table."""
        return self._table[0]

    @property
    def rows(self) -> list[list[str]]:
        return self._table[1]

    @cached_property
    def _table(self) -> tuple[list[str], list[list[str]]]:
        return table(TABLE, self.grid.groups)

    @cached_property
    def columns(self) -> dict[str, str]:
        """By metric, in the order of their names, what the runs call those of their diagnostics."""
        runs = [run for group in self.grid.groups for run in group.runs]
        return dict(sorted(item for run in runs for item in run.reported.items()))

    @cached_property
    def metrics(self) -> list[str]:
        """Those of the diagnostics that any run has."""
        return [m for m in self.columns if any(group.values(m) for group in self.grid.groups)]

    @cached_property
    def notes(self) -> list[str]:
        """What the table leaves out."""
        runs = [run for group in self.grid.groups for run in group.runs]
        notes = [f"{len(runs)} runs, seeds {', '.join(map(str, self.grid.seeds))}."]
        if self.grid.missing:
            notes.append(f"Missing: {'; '.join(self.grid.missing)}.")
        if self.grid.unfinished:
            named = (f"{r.name} ({r.run_id}, {r.status})" for r in self.grid.unfinished)
            notes.append(f"Not finished, and in no figure: {', '.join(named)}.")
        if self.grid.repeated:
            named = ", ".join(f"{r.name} ({r.run_id})" for r in self.grid.repeated)
            notes.append(
                f"Left out, as another run of the same setting and seeds is newer or has finished: {named}."
            )
        blind = sum(run.gradient is None for run in runs if run.finished)
        if blind:
            notes.append(
                f"{blind} finished runs were not looked at by the diagnostic gradient_by_lag."
            )
        return notes

    @cached_property
    def other_lengths(self) -> list[list[str]]:
        return [row for group in self.grid.groups for row in other_lengths_rows(group)]

    @cached_property
    def accuracy(self) -> list[list[str]]:
        return [row for group in self.grid.groups for row in accuracy_rows(group)]

    @cached_property
    def tables(self) -> list[tuple[str, Sequence[str], list[list[str]]]]:
        """Those below the first: each with its title and header."""
        found = [
            ("The variants", CELLS_HEADER, cell_rows(self.grid.groups)),
            ("The tasks", TASKS_HEADER, task_rows(self.grid.groups)),
            ("Tested at other lengths", OTHER_LENGTHS_HEADER, self.other_lengths),
            ("Accuracy", ACCURACY_HEADER, self.accuracy),
            ("What the diagnostics saw of the tested models", *self._measured),
        ]
        return [table for table in found if table[2]]

    @property
    def _measured(self) -> tuple[list[str], list[list[str]]]:
        columns = [f"{self.columns[metric]} (95 %)" for metric in self.metrics]
        rows = [measured_row(group, self.metrics) for group in self.grid.groups]
        return ["variant", "task", "length", *columns], rows if self.metrics else []

    def digest(self, width: int | None) -> str:
        """The report in short, in lines of so many letters."""
        return digest(self.grid, self.findings, width)

    def markdown(self) -> str:
        parts = ["# Comparison", *self.answers, markdown_table(self.header, self.rows), ORDER]
        parts += [*conclusions(self.findings), *self.notes]
        for title, header, rows in self.tables:
            parts += [f"## {title}", markdown_table(header, rows)]
        for plot in self.plots:
            parts += [f"## {plot.title}", f"![{plot.title}](figures/{plot.name}.png)", plot.caption]
        parts += ["## Method", "\n".join(f"- {line}" for line in METHOD)]
        return "\n\n".join(parts) + "\n"

    def csv(self) -> str:
        return csv_text(self.grid, self.metrics)

    def html(self) -> str:
        return page(self, self.plots, order=ORDER, method=METHOD)


def make_report(runs: Sequence[Run], search_share: float | None = None) -> Report:
    """Compare runs.

    Args:
        runs: In any order.
        search_share: The share of seeds by which a search for horizons chose its lengths, if one did.

    Raises:
        ValueError: If there are none.
    """
    if not runs:
        raise ValueError("there is no run of rnnlab to compare")
    return Report(make_grid(runs, search_share))


def write_report(report: Report, folder: Path) -> list[Path]:
    """Write report.html, report.md, comparison.csv and figures/; returns these four.

    The figures of a report that was there before are gone.
    """
    texts = dict(zip(TEXTS, (report.html(), report.markdown(), report.csv()), strict=True))
    pictures = folder / PICTURES
    pictures.mkdir(parents=True, exist_ok=True)
    for make in PLOTS:
        (pictures / f"{make.__name__}.png").unlink(missing_ok=True)
    for plot in report.plots:
        plot.figure.savefig(
            pictures / f"{plot.name}.png",
            dpi=DPI,
            facecolor="white",
            metadata={"Software": None},
        )
    for name, text in texts.items():
        write_text(folder / name, text)
    return [*(folder / name for name in texts), pictures]
