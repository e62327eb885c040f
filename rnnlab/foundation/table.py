"""Rows of text as aligned columns; the same text is a Markdown table."""

import textwrap
from collections.abc import Iterator, Sequence
from itertools import zip_longest

NARROWEST = 6  # letters that a column keeps


def markdown_table(
    header: Sequence[str], rows: Sequence[Sequence[str]], width: int | None = None
) -> str:
    """| cell | loss | over a rule over the rows, every column as wide as its widest entry.

    Args:
        header: The names of the columns.
        rows: An entry for each column.
        width: Of a line, at most. The widest columns give way: their entries go on in further rows.
    """
    rows = [[entry.replace("|", r"\|") for entry in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    if width is not None:
        _narrow(widths, width)
    rule = ["-" * width for width in widths]
    lines = [
        *_folded(header, widths),
        rule,
        *(line for row in rows for line in _folded(row, widths)),
    ]
    return "\n".join(f"| {' | '.join(map(str.ljust, line, widths))} |" for line in lines)


def _narrow(widths: list[int], width: int) -> None:
    """The widest give way until a line is not wider, or none can."""
    room = width - 3 * len(widths) - 1
    while sum(widths) > room and max(widths) > NARROWEST:
        widths[widths.index(max(widths))] -= 1


def _folded(entries: Sequence[str], widths: Sequence[int]) -> Iterator[tuple[str, ...]]:
    """A row, in as many as its entries need in columns of these widths."""
    parts = [_lines(entry, width) for entry, width in zip(entries, widths, strict=True)]
    yield from zip_longest(*parts, fillvalue="")


def _lines(entry: str, width: int) -> list[str]:
    """Broken between words, and within one that is wider by itself."""
    if len(entry) <= width:
        return [entry]
    lines = textwrap.wrap(entry, width, break_long_words=False, break_on_hyphens=False)
    return [line[i : i + width] for line in lines for i in range(0, len(line), width)]


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
