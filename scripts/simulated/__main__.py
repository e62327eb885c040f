"""scripts/simulate: what the report's intervals, claims and advice come to.

Prints the tables of rnnlab/report/README.md. Seeded: the same repeats give the same tables.
"""

import argparse
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.__main__ import machine

from rnnlab.foundation.table import markdown_table
from simulated import claims, coverage

BEGIN, END = "<!-- simulated: made by scripts/simulate -->\n", "<!-- end of simulated -->\n"
FEWER = 10  # times: of comparisons, which take longer than intervals
SEED = 0


def main() -> None:
    """Print the tables, and write them where that is asked for."""
    command = argparse.ArgumentParser(prog="scripts/simulate", description=__doc__)
    command.add_argument("--repeats", type=int, default=4000, help="of each interval (4000)")
    command.add_argument("--write", action="store_true", help="the tables into the page")
    command.add_argument("--page", type=Path, required=True, help=argparse.SUPPRESS)
    arguments = command.parse_args()
    if arguments.repeats < FEWER:
        command.error(f"--repeats={arguments.repeats} is too small: at least {FEWER}")
    parts = []
    for part in tables(arguments.repeats):
        sys.stdout.write(f"{part}\n\n")
        sys.stdout.flush()
        parts.append(part)
    made = (
        f"Simulated on {datetime.now(UTC):%-d %B %Y}: {arguments.repeats:,} repeats of each interval and "
        f"{arguments.repeats // FEWER:,} of each comparison ({machine()['processor']})."
    )
    sys.stdout.write(f"{made}\n")
    if arguments.write:
        text = arguments.page.read_text(encoding="utf-8")
        before, rest = text.split(BEGIN)
        _, after = rest.split(END)
        new = "\n\n".join([made, *parts])
        arguments.page.write_text(f"{before}{BEGIN}\n{new}\n\n{END}{after}", encoding="utf-8")


def tables(repeats: int) -> Iterator[str]:
    """Each under a sentence that says what it is."""
    few = repeats // FEWER
    yield "The share of repeats in which the interval holds the true mean, at 3, 5 and 10 seeds:"
    yield markdown_table(coverage.HEADER, coverage.rows(repeats, SEED))
    yield "Where the upper end typically lies, as a multiple of the true mean:"
    yield markdown_table(coverage.REACH_HEADER, coverage.reach_rows(repeats, SEED))
    yield "The last mixture as the report tells it:"
    yield markdown_table(coverage.TOLD_HEADER, coverage.told_rows(repeats, SEED))
    yield "The share of comparisons in which any order is claimed, and none is true:"
    yield markdown_table(claims.HEADER, claims.false_rows(few, SEED))
    yield markdown_table(claims.UNLIKE_HEADER, claims.unlike_rows(few, SEED))
    yield "What is advised after five seeds, and the share of comparisons with so many that claim it:"
    yield markdown_table(claims.ADVICE_HEADER, claims.advice_rows(few, SEED))


if __name__ == "__main__":
    main()
