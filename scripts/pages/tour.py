"""The tour: each block of its page run in the current folder, and the page told what it said."""

import csv
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from pages.opening import table

BLOCK = re.compile(r"^```(bash|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)
FIGURES = {
    "tour_elman.png": "outputs/elman/figures/diagnostics.png",
    "tour_gradients.png": "outputs/four_cells/report/figures/gradient_by_lag.png",
}


def take(page: str) -> list[str]:
    """Run the blocks of a page; what each wrote to standard output."""
    said = []
    for language, text in BLOCK.findall(page):
        program = ["bash", "-ec"] if language == "bash" else [sys.executable, "-c"]
        done = subprocess.run([*program, text], check=False, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{text}\nexit {done.returncode}\n{done.stderr[-4000:]}")
        said.append(done.stdout)
    return said


def result(said: str) -> str:
    """What a run says of its test, but for how long it took, which is never the same."""
    lines = [line for line in said.splitlines() if not line.startswith(("time", "run "))]
    first = next(i for i, line in enumerate(lines) if line.startswith("cell"))
    last = next(i for i, line in enumerate(lines) if line.startswith("chance "))
    return _block("\n".join(lines[first : last + 1]))


def horizons(said: str) -> str:
    """The sentence of a search."""
    (sentence,) = re.findall(r"^Horizons on .*?\.$", said, re.MULTILINE | re.DOTALL)
    return _block(sentence)


def answers(path: Path) -> str:
    """The sequences of a prediction, each with its class and the probability of that."""
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    lines = [
        f"{row['sequence']:8}  after step {row['step']}: {row['class']}, "
        f"probability {float(row['probabilities.' + row['class']]):.3f}"
        for row in rows
    ]
    return _block("\n".join(lines))


def filled(page: str, made: dict[str, str]) -> str:
    """The page with what is between its marks made anew."""
    for name, text in made.items():
        begin, end = f"<!-- {name}: made by scripts/tour -->\n", f"<!-- end of {name} -->\n"
        before, rest = page.split(begin)
        _, after = rest.split(end)
        page = f"{before}{begin}\n{text}\n\n{end}{after}"
    return page


def _block(text: str) -> str:
    return f"```text\n{text}\n```"


if __name__ == "__main__":
    root = Path(sys.argv[1])
    path = root / "rnnlab" / "TOUR.md"
    page, began = path.read_text(encoding="utf-8"), time.monotonic()
    elman, clipped, _, search, *_ = take(page)
    minutes = round((time.monotonic() - began) / 60)
    made = {
        "time": f"All its commands together take {minutes} minutes on two cores.",
        "elman": result(elman),
        "clipped": result(clipped),
        "solved": table(Path("outputs/four_cells/report/comparison.csv")),
        "horizons": horizons(search),
        "answers": answers(Path("answers.csv")),
    }
    path.write_text(filled(page, made), encoding="utf-8")
    for name, figure in FIGURES.items():
        shutil.copy(figure, root / ".readme" / name)
