"""The comparison of many runs as a page, as Markdown, as csv, and its figures as PNG.

The same runs give the same bytes: nothing in it depends on the clock, on the order in which a store
returns runs, or on how they were selected.
"""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import jinja2
import matplotlib as mpl
from markupsafe import Markup

from rnnlab.foundation.files import write_text
from rnnlab.foundation.table import markdown_table
from rnnlab.report.findings import Finding, findings
from rnnlab.report.grid import Grid, make_grid
from rnnlab.report.plots import Plot, draw
from rnnlab.report.read_runs import Run
from rnnlab.report.rows import HEADER, csv_row, measured_row, table_row

METHOD = """\
Solved: fewer than the task's share of the test sequences (1 % of 10,000, unless set otherwise) are \
wrong; the interval is Wilson's (1927), at 95 %.
Median steps to solve: Kaplan and Meier's (1958); a run that has not solved the task counts as longer \
than its budget.
Means stand with their 95 % percentile bootstrap interval over seeds (Efron, 1979; 10,000 resamples); \
one seed has none, and few seeds give one that is too narrow.
An order is claimed only where intervals do not overlap and, for means, where a permutation test gives \
p < 0.05 as well, corrected for the number of pairs at the same task and length (Holm, 1979).
A diverged run is judged by its best checkpoint, and is unsolved if there is none. \
Failed, stopped and running ones are counted in a column of their own, and in nothing else.\
""".splitlines()


@dataclass(frozen=True)
class Report:
    """All that a comparison says, from the runs alone."""

    grid: Grid

    @cached_property
    def findings(self) -> list[Finding]:
        return findings(self.grid)

    @cached_property
    def plots(self) -> list[Plot]:
        return draw(self.grid)

    @cached_property
    def rows(self) -> list[list[str]]:
        return [table_row(group) for group in self.grid.groups]

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
    def measured_header(self) -> list[str]:
        return ["variant", "task", "length", *(f"{self.columns[m]} (95 %)" for m in self.metrics)]

    @cached_property
    def measured_rows(self) -> list[list[str]]:
        return [measured_row(group, self.metrics) for group in self.grid.groups]

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
            notes.append(f"{blind} finished runs have no gradient by lag (diagnostics=none).")
        return notes

    def table(self) -> str:
        return markdown_table(HEADER, self.rows)

    def markdown(self) -> str:
        findings = (f"- **{finding.about}**: {finding.text}" for finding in self.findings)
        parts = ["# Comparison", "\n".join(findings), self.table()]
        if self.metrics:
            parts += [
                "What the diagnostics saw of the tested models:",
                markdown_table(self.measured_header, self.measured_rows),
            ]
        parts += self.notes
        for plot in self.plots:
            parts += [f"## {plot.title}", f"![{plot.title}](figures/{plot.name}.png)", plot.caption]
        parts += ["## Method", "\n".join(f"- {line}" for line in METHOD)]
        return "\n\n".join(parts) + "\n"

    def csv(self) -> str:
        rows = [csv_row(group, self.metrics) for group in self.grid.groups]
        text = io.StringIO()
        writer = csv.DictWriter(text, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue()

    def html(self) -> str:
        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(Path(__file__).parent),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=jinja2.StrictUndefined,
        )
        pictures = [(plot, Markup(svg(plot))) for plot in self.plots]
        template = environment.get_template("report.html.jinja")
        return template.render(report=self, header=HEADER, method=METHOD, pictures=pictures)


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
    """Write report.html, report.md, comparison.csv and figures/; returns these four."""
    texts = {
        "report.html": report.html(),
        "report.md": report.markdown(),
        "comparison.csv": report.csv(),
    }
    pictures = folder / "figures"
    pictures.mkdir(parents=True, exist_ok=True)
    for plot in report.plots:
        plot.figure.savefig(pictures / f"{plot.name}.png", dpi=120, metadata={"Software": None})
    for name, text in texts.items():
        write_text(folder / name, text)
    return [*(folder / name for name in texts), pictures]


def svg(plot: Plot) -> str:
    """The figure as an element of a page; equal figures give equal text."""
    file = io.StringIO()
    # The ids within are hashes: salted by name, no two figures of a page share one.
    with mpl.rc_context({"svg.hashsalt": plot.name, "svg.fonttype": "path"}):
        plot.figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    text = file.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r'(id="|href="#|url\(#)', rf"\g<1>{plot.name}-", text)
    return text.replace("<svg ", f'<svg role="img" aria-label="{plot.title}" ', 1)
