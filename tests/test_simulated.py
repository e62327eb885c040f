"""The simulations of the report's statistics. Oracles: shares found by other code; their own page."""

import importlib
import re
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "rnnlab" / "report" / "README.md"


@pytest.fixture
def coverage(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    return importlib.import_module("simulated.coverage")


def tables() -> list[list[list[str]]]:
    """Those of the page's simulations: rows of entries, without the rule below the header."""
    _, _, made = PAGE.read_text("utf-8").partition("<!-- simulated: made by scripts/simulate -->")
    found = re.findall(
        r"(?:^\|.*\n)+", made.partition("<!-- end of simulated -->")[0], re.MULTILINE
    )
    split = [
        [[e.strip() for e in line.strip("|\n").split("|")] for line in t.splitlines()]
        for t in found
    ]
    return [[table[0], *table[2:]] for table in split]


def test_the_percentile_bootstrap_covers_too_little(coverage: ModuleType) -> None:
    """Oracle: .74, .85 and .90 of normal losses, found by other code. 400 repeats have a standard error of 0.02."""
    for n, share in ((3, 0.74), (5, 0.85), (10, 0.90)):
        low, high = coverage.percentile(np.random.default_rng(n).normal(size=(400, n)))
        assert np.mean((low <= 0) & (high >= 0)) == pytest.approx(share, abs=0.08)


def test_the_pages_first_table_is_the_scripts(coverage: ModuleType) -> None:
    """Oracle: the script's own header and rows, and fewer repeats of the report's interval."""
    header, *rows = tables()[0]
    losses = [*coverage.OF_ONE_KIND, *coverage.OF_TWO_KINDS]
    assert header == coverage.HEADER
    assert [row[0] for row in rows] == [one.name for one in losses]
    for row, one in zip(rows, losses, strict=True):
        low, high = coverage.student(one.draw(np.random.default_rng(1), (400, 5)))
        share = np.mean((low <= one.mean) & (one.mean <= high))
        assert float(row[1].split()[1]) == pytest.approx(share, abs=0.1), one.name


@pytest.mark.slow
def test_the_pages_advice_is_the_reports(coverage: ModuleType) -> None:
    """Oracle: the script's rows, of which the share alone depends on the repeats."""
    claims = importlib.import_module("simulated.claims")
    header, *rows = tables()[-1]
    assert header == claims.ADVICE_HEADER
    assert [row[:3] for row in rows] == [row[:3] for row in claims.advice_rows(1, 0)]


def test_comparisons_repeat_and_have_a_share_for_each_size(
    coverage: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims = importlib.import_module("simulated.claims")
    monkeypatch.setattr(claims, "SIZES", ((2, 3), (3, 4)))
    rows = claims.false_rows(3, 0)
    assert rows == claims.false_rows(3, 0)
    assert [row[0] for row in rows] == list(claims.EQUAL)
    assert all(0 <= float(share) <= 1 for row in rows for share in row[1:])


def test_too_few_repeats_are_refused(
    coverage: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    main = importlib.import_module("simulated.__main__").main
    monkeypatch.setattr(sys, "argv", ["simulate", "--page", "x", "--repeats", "3"])
    with pytest.raises(SystemExit) as refused:
        main()
    assert refused.value.code == 2
    assert "--repeats=3 is too small: at least 10" in capsys.readouterr().err
