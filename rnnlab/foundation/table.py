"""Rows of text as aligned columns; the same text is a Markdown table."""

import textwrap
from collections.abc import Sequence


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """| cell | loss | over a rule over the rows, every column as wide as its widest entry."""
    rows = [[entry.replace("|", r"\|") for entry in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    rule = ["-" * width for width in widths]

    def line(entries: Sequence[str]) -> str:
        padded = [entry.ljust(width) for entry, width in zip(entries, widths, strict=True)]
        return f"| {' | '.join(padded)} |"

    return "\n".join([line(header), line(rule), *map(line, rows)])


def fitting_table(header: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> str:
    """The same where it is no wider than that; else a line for each entry, and a gap between rows.

    cell            lstm
    steps to solve  1100
    """
    table = markdown_table(header, rows)
    if max(map(len, table.split("\n"))) <= width:
        return table
    indent = max(map(len, header)) + 2
    return "\n\n".join(
        "\n".join(
            _entry(name, entry, indent, width) for name, entry in zip(header, row, strict=True)
        )
        for row in rows
    )


def _entry(name: str, entry: str, indent: int, width: int) -> str:
    return textwrap.fill(
        entry,
        width,
        initial_indent=name.ljust(indent),
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
