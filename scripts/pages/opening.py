"""What README.md opens with: how many seeds of each variant solved each length, of one sweep."""

import csv
import sys
from pathlib import Path

from rnnlab.foundation.table import markdown_table

BEGIN, END = "<!-- opening: made by scripts/opening -->\n", "<!-- end of opening -->\n"


def table(comparison: Path) -> str:
    """A row for each variant, the one that solved most first; a column for each length."""
    with comparison.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    lengths = sorted({int(row["length"]) for row in rows})
    solved: dict[str, dict[int, int]] = {}
    for row in rows:
        solved.setdefault(row["variant"], {})[int(row["length"])] = int(row["solved"])
    seeds = {row["variant"]: row["finished"] for row in rows}
    parameters = {row["variant"]: f"{float(row['num_params']):.0f}" for row in rows}
    order = sorted(solved, key=lambda variant: -sum(solved[variant].values()))
    return markdown_table(
        ["variant", *(f"length {length}" for length in lengths), "parameters"],
        [
            [
                variant,
                *(f"{solved[variant][length]} of {seeds[variant]}" for length in lengths),
                parameters[variant],
            ]
            for variant in order
        ],
    )


if __name__ == "__main__":
    sweep, page = Path(sys.argv[1]), Path(sys.argv[2])
    text = page.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    made = f"\n{table(sweep / 'report' / 'comparison.csv')}\n\n"
    page.write_text(f"{before}{BEGIN}{made}{END}{after}", encoding="utf-8")
