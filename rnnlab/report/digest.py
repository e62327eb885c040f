"""A comparison in short: the answer, a table a task, what may be concluded, and what may not.

It is what a sweep ends with in a terminal, and what MLflow shows of the sweep's run.
"""

import textwrap
from collections.abc import Iterator, Sequence

from rnnlab.foundation.table import markdown_table
from rnnlab.report.answer import answers
from rnnlab.report.columns import NARROW, table
from rnnlab.report.findings import Finding
from rnnlab.report.grid import Grid
from rnnlab.report.too_few import TooFew, merged

WIDTH = 80  # columns of a terminal
ITEMS = 4  # of a list, that are read in passing


def digest(
    grid: Grid,
    found: Sequence[Finding],
    width: int | None = WIDTH,
    tables: Sequence[str] | None = None,
) -> str:
    """Paragraphs and tables of Markdown.

    Args:
        grid: What is compared.
        found: Its findings.
        width: Of a line, at most; None where whoever shows it breaks the lines.
        tables: To be shown; None: one a task.
    """
    shown = task_tables(grid, width) if tables is None else tables
    parts = [*answers(grid), *shown, *conclusions(_shortened(found), width)]
    return "\n\n".join(filled(part, width) for part in parts)


def task_tables(grid: Grid, width: int | None = WIDTH) -> Iterator[str]:
    """A table a task, under its name where there are several; rows of runs that have finished."""
    for task in grid.tasks:
        groups = [group for group in grid.groups if group.task == task and group.finished]
        if groups:
            if len(grid.tasks) > 1:
                yield f"{task}:"
            yield markdown_table(*table(NARROW, groups), width)


def conclusions(found: Sequence[Finding | TooFew], width: int | None = None) -> Iterator[str]:
    """Lists of what may be concluded and of what may not, each under its name."""
    claims = [one for one in found if isinstance(one, Finding) and one.claim]
    others = [one for one in found if one not in claims]
    for name, items in (("What may be concluded:", claims), ("What may not be concluded:", others)):
        if items:
            yield name
            yield "\n".join(filled(f"- {item}", width, indent="  ") for item in items)


def _shortened(found: Sequence[Finding]) -> list[Finding | TooFew]:
    """All of it, or of many what cannot be ranked over all tasks and lengths at once."""
    too_few = [one for finding in found for one in finding.too_few]
    if len([finding for finding in found if finding.too_few]) <= ITEMS:
        return [*found]
    return [*(finding for finding in found if not finding.too_few), *merged(too_few)]


def filled(text: str, width: int | None, indent: str = "") -> str:
    """A paragraph in lines of a width, the first without an indent; tables and lists as they are."""
    if width is None or text.startswith("|") or "\n" in text:
        return text
    return textwrap.fill(
        text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
