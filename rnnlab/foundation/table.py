"""Rows of text as aligned columns; the same text is a Markdown table."""

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
