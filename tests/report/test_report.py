"""The report of runs made by hand: the same bytes, whole pages, every figure."""

import csv
import io
import random
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from matplotlib import image

from rnnlab.report.gradient_plot import gradient_by_lag
from rnnlab.report.grid import make_grid
from rnnlab.report.panels import Styles
from rnnlab.report.read_runs import Run
from rnnlab.report.report import make_report, write_report
from rnnlab.report.training_plots import learning_curves
from tests.support.made_runs import run

HEADER = (
    *("variant", "task", "length", "solved (95 %)", "median steps to solve"),
    *("mean test loss (95 %)", "chance", "diverged", "failed"),
    *("median gradient norm", "parameters", "steps/s"),
)
"""Of a table of tasks that say when they are solved, and no more of chance than its loss."""


def several() -> list[Run]:
    return [
        run(
            variant,
            task,
            length,
            seed,
            loss=0.1 + 0.01 * seed,
            solved_at=100.0 * (seed + 1) if variant == "gru" and seed else None,
            perf__steps_per_second=100.0 + seed,
            memory__gradient_horizon=30.0 + seed,
            length__100__error=0.1 * seed,
            length__100__loss=0.3,
            length__100__loss_over_chance=1.5,
            length__200__error=0.2 * seed,
            length__100__bias=0.2 if seed else -0.2,
            length__100__bias_share=0.6,
            length__200__loss=0.4,
            length__200__loss_over_chance=2.0,
        )
        for variant in ("elman", "gru")
        for task, length in (("adding", 50), ("adding", 100))
        for seed in (0, 1, 2)
    ]


def written(runs: list[Run], folder: Path) -> dict[str, bytes]:
    write_report(make_report(runs), folder)
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of `several` runs."""
    made = tmp_path_factory.mktemp("report")
    write_report(make_report(several()), made)
    return made


@pytest.mark.slow
def test_the_same_runs_give_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    runs = several()
    first = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    random.Random(1).shuffle(runs)
    assert written(runs, tmp_path / "b") == first
    assert set(first) == {
        *("report.html", "report.md", "comparison.csv", "figures/solved.png"),
        *("figures/learning_curves.png", "figures/gradient_by_lag.png", "figures/horizons.png"),
        *("figures/error_by_length.png", "figures/clipping.png"),
    }


class Page(HTMLParser):
    """What a browser would fetch, the ids, the open tags."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("href", "src", "xlink:href"):
                self.links.append(value or "")
            if name == "id":
                self.ids.append(value or "")

    def handle_data(self, data: str) -> None:
        self.text += data.replace("\u00a0", " ")


def test_the_page_is_whole_and_fetches_nothing(folder: Path) -> None:
    page = Page()
    page.feed((folder / "report.html").read_text())
    assert all(link.startswith(("#", "data:")) for link in page.links)
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))  # six drawings in one page
    assert page.tags.count("svg") == 6
    assert page.tags.count("table") == 3
    assert page.tags.count("h1") == 1
    assert "script" not in page.tags
    for name in (*HEADER, "gradient horizon (steps) (95 %)", "elman-adding-50-0-0"):
        assert name in page.text


def test_page_markdown_and_csv_say_the_same(folder: Path) -> None:
    page = Page()
    page.feed((folder / "report.html").read_text())
    markdown = (folder / "report.md").read_text()
    rows = [
        [entry.strip() for entry in line.strip("|").split("|")]
        for line in markdown.splitlines()
        if line.startswith("|")
    ]
    assert rows[0] == list(HEADER)
    for row in rows[2:6]:
        for entry in row:
            assert entry in page.text
    assert [row[0] for row in rows[2:6]] == ["gru", "elman"] * 2  # gru has solved it in two seeds
    table = list(csv.DictReader(io.StringIO((folder / "comparison.csv").read_text())))
    assert len(table) == 4
    for row, numbers in zip(rows[2:6], table, strict=True):
        assert row[0] == numbers["variant"]
        assert row[3].startswith(f"{numbers['solved']} of {numbers['finished']}")
        kind = "solved" if row[0] == "gru" else "unsolved"  # of gru's seeds two and one
        mean = pytest.approx(float(numbers[f"test_loss_{kind}_mean"]), rel=1e-3)
        assert float(row[5].split()[0]) == mean
        assert numbers["memory/gradient_horizon"] == "31.0"
    for name in re.findall(r"\]\((.+?)\)", markdown):
        assert (folder / name).exists()


def test_a_row_by_hand() -> None:
    runs = [
        run(seed=0, solved_at=100, loss=0.01, perf__steps_per_second=50.0),
        run(seed=1, loss=0.2, perf__steps_per_second=70.0),
        run(seed=2, loss=None, diverged=1.0),
        run(seed=3, status="FAILED"),
        run(seed=4, status="KILLED"),
        run(seed=5, status="RUNNING"),
    ]
    (row,) = make_report(runs).rows
    assert row[:5] == ["gru", "adding", "50", "1 of 3 [0.06, 0.79]", "> 4000"]
    assert row[5:] == [
        *("0.01 solved; 0.2 of 1 unsolved", "0.1667", "1", "1 failed, 1 stopped, 1 still running"),
        *("2", "1000", "60"),  # the norm: seed s has 1 and 2 + s, and a finished run counts
    ]
    notes = make_report(runs).notes
    assert "gru · adding 50 · s3 (gru-adding-50-3-0, FAILED)" in notes[1]


def test_what_the_variants_and_the_tasks_are() -> None:
    """By what the newest runs say of them; an older rnnlab said nothing, and then there is no such table."""
    gru = {"about_cell": "Gated", "work": "H^2", "depth": "T", "about_task": "Add two"}
    scan = gru | {"about_cell": "A scan", "work": "H", "depth": "log T"}
    older, silent = gru | {"about_cell": "What it was", "about_task": "Add"}, dict[str, str]()
    made = [
        run("mingru", params=scan),
        run("lstm", params=silent),
        run("gru", started=1, params=gru),
    ]
    report = make_report([*made, run("gru", seed=1, params=older)])
    variants, tasks = report.tables[:2]
    assert variants[2] == [
        ["gru", "Gated", "H^2", "T"],
        ["lstm", "-", "-", "-"],
        ["mingru", "A scan", "H", "log T"],
    ]
    assert tasks[2] == [["adding", "Add two"]]
    rows = {row["variant"]: row for row in csv.DictReader(io.StringIO(report.csv()))}
    assert [rows["mingru"][key] for key in ("work", "depth")] == ["H", "log T"]
    assert rows["lstm"]["work"] == ""
    places = [run("gru", task="copy_memory", params=gru), run("gru", params=silent)]
    for order in (places, places[::-1]):  # what one place knows is said of all
        assert make_report(order).tables[0][2] == [["gru", "Gated", "H^2", "T"]]
    titles = [title for title, *_ in make_report([run("lstm")]).tables]
    assert not {"The variants", "The tasks"} & set(titles)


def test_solved_and_unsolved_runs_are_told_apart_and_never_by_one_mean() -> None:
    """Oracle: of 0.001, 0.002 and 0.003 and of 0.16 and 0.18 Student's intervals, by hand."""
    losses = {"both": [0.001, 0.002, 0.003, 0.16, 0.18], "none": [0.16, 0.18]}
    runs = [
        run(v, seed=s, loss=x, solved_at=100.0 if x < 0.1 else None, memory__capacity=10 * x)
        for v, same in losses.items()
        for s, x in enumerate(same)
    ]
    report = make_report(runs)
    both, none = report.rows
    few, blind = (
        "0.002 [0, 0.004484]",
        "0.17 [0.04294, 0.2971]",
    )  # 4.303 and 12.706 units; no loss is below 0
    assert both[3:6] == ["3 of 5 [0.23, 0.88]", "100", f"{few} solved; {blind} unsolved"]
    assert none[5] == blind
    ((_, _, (measured, _)),) = report.tables
    assert measured[-1] == "0.02 [0, 0.04484] solved; 1.7 [0.4294, 2.971] unsolved"
    assert "| 0.002 solved |" in " ".join(report.digest(width=None).split())
    table = list(csv.DictReader(io.StringIO(report.csv())))
    assert float(table[0]["test_loss_solved_high"]) == pytest.approx(0.004484, rel=1e-3)
    assert float(table[0]["test_loss_unsolved_low"]) == pytest.approx(0.04294, rel=1e-3)
    assert table[1]["test_loss_solved_mean"] == ""
    assert table[1]["test_loss_unsolved_mean"] == table[1]["test_loss_mean"]


def test_it_opens_with_the_answer_and_ends_with_the_method(folder: Path) -> None:
    page = Page()
    page.feed((folder / "report.html").read_text())
    for text in ((folder / "report.md").read_text(), page.text):
        parts = [
            "gru solved lengths up to 100 (2 of 3 seeds), the longest tried; elman not even 50",
            "median steps to solve",
            "this order is no ranking",
            "What may not be concluded",
            "Too few seeds to rank elman and gru by how often they solved it",
            "12 runs, seeds 0, 1, 2.",
            "Tested at other lengths",
            "What the diagnostics saw",
            *(
                "Solved, by variant and length",
                "Bars end at the largest length",
                "Gradient by lag",
                "Error against length",
            ),
            *("Learning curves", "Gradient norm and clipping"),
            "Kaplan and Meier's (1958)",
        ]
        places = [text.index(part) for part in parts[:6]]
        places += [text.rindex(part) for part in parts[6:]]
        assert places == sorted(places)


def test_other_lengths_have_a_row_each_and_a_column_in_the_csv(folder: Path) -> None:
    """Oracle: 0, 0.1 and 0.2 of the sequences are wrong at 100, and a loss of 0.3 is 1.5 of chance."""
    rows = [
        [entry.strip() for entry in line.strip("|").split("|")]
        for line in (folder / "report.md").read_text().splitlines()
        if line.startswith("| gru     | adding | 50                | 100")
    ]
    wrong = (
        "0.15 [0, 0.7853] solved; 0 unsolved"  # 0.15 + 12.706 x 0.05, and no fraction is below 0
    )
    loss = "0.3 [0.3, 0.3] solved; 0.3 unsolved"
    bias = "0.2 [0.2, 0.2] solved; 0.2 unsolved"  # -0.2, 0.2 and 0.2: a mean of sizes
    share = "0.6 [0.6, 0.6] solved; 0.6 unsolved"
    assert rows == [["gru", "adding", "50", "100", wrong, loss, "0.2", bias, share]]
    numbers = next(csv.DictReader(io.StringIO((folder / "comparison.csv").read_text())))
    assert float(numbers["length/100/error"]) == pytest.approx(0.1)
    assert float(numbers["length/200/loss"]) == pytest.approx(0.4)
    assert float(numbers["length/100/bias"]) == pytest.approx(0.2)
    assert float(numbers["length/100/bias_share"]) == pytest.approx(0.6)
    assert float(numbers["grad/norm_median"]) == 2.0


def test_a_bias_is_told_by_its_size_and_a_loss_as_it_is() -> None:
    """By hand: biases of -0.2 and 0.2, and a loss of a user's task that is below 0."""
    measured = {"length__100__loss": -2.0, "length__100__error": 0.5}
    runs = [
        run(seed=0, length__100__bias=-0.2, **measured),
        run(seed=1, length__100__bias=0.2, **measured),
    ]
    report = make_report(runs)
    ((_, _, (row,)),) = [table for table in report.tables if "other lengths" in table[0]]
    assert (row[5], row[7]) == ("-2 [-2, -2]", "0.2 [0.2, 0.2]")
    (numbers,) = csv.DictReader(io.StringIO(report.csv()))
    assert float(numbers["length/100/loss"]) == -2.0
    assert float(numbers["length/100/bias"]) == pytest.approx(0.2)


def test_a_horizon_that_never_faded_is_a_lower_bound() -> None:
    """Oracle: two seeds at 50 that had not faded, and one at 30 that had."""
    seen = [(50.0, 1.0), (50.0, 1.0), (30.0, 0.0)]
    runs = [
        run(v, seed=s, memory__gradient_horizon=h, memory__gradient_horizon_censored=c)
        for v, values in (("some", seen), ("all", seen[:2]), ("none", seen[2:] * 2))
        for s, (h, c) in enumerate(values)
    ]
    report = make_report(runs)
    ((_, _, rows),) = report.tables
    assert {row[0]: row[-1] for row in rows} == {
        "some": "> 43.33 (2 of 3 are lower bounds)",
        "all": "> 50",
        "none": "30 [30, 30]",
    }
    table = {row["variant"]: row for row in csv.DictReader(io.StringIO(report.csv()))}
    found = {v: row["memory/gradient_horizon"] for v, row in table.items()}
    assert found == {"some": f"{130 / 3}", "all": "50.0", "none": "30.0"}
    counts = {v: row["memory/gradient_horizon_censored"] for v, row in table.items()}
    assert counts == {"some": "2", "all": "2", "none": "0"}


def test_the_figures_have_the_colours_of_the_page_and_its_pictures_a_white_ground(
    folder: Path,
) -> None:
    text = (folder / "report.html").read_text()
    figures = "".join(re.findall("<svg.*?</svg>", text, re.DOTALL))
    assert figures.count("currentColor") > 50
    assert "#010101" not in figures
    assert "prefers-color-scheme: dark" in text
    grounds = re.findall(r'<g id="[^"]*-patch_1">\s*<path [^>]*style="fill: (\w+)', figures)
    assert grounds == ["none"] * 6
    picture = image.imread(folder / "figures" / "solved.png")
    assert picture[0, 0].tolist() == [1, 1, 1, 1]
    assert picture.shape[1] >= 2 * 96 * 5  # sharp where a pixel of a page is two of the screen


@pytest.mark.slow
def test_a_report_that_replaces_another_leaves_none_of_its_figures(tmp_path: Path) -> None:
    write_report(make_report([run(length=n) for n in (10, 20)]), tmp_path)
    assert (tmp_path / "figures" / "horizons.png").exists()
    (tmp_path / "figures" / "mine.png").touch()
    write_report(make_report([run()]), tmp_path)
    names = {path.name for path in (tmp_path / "figures").iterdir()}
    assert "horizons.png" not in names
    assert {"solved.png", "mine.png"} <= names


@pytest.mark.parametrize(
    "runs",
    [
        [run()],
        [run(status="FAILED")],
        [run(loss=None, diverged=1.0)],
        pytest.param(
            [run(f"variant_{i}", seed=s) for i in range(9) for s in range(2)],
            marks=pytest.mark.slow,
        ),
        [Run("a", "", "RUNNING", 0, "gru", "adding", 5, 0, {"train.steps": "1"}, {})],
    ],
    ids=["one", "failed", "diverged", "many variants", "bare"],
)
def test_odd_ones(runs: list[Run], tmp_path: Path) -> None:
    files = written(runs, tmp_path)
    assert files["report.html"].endswith(b"</html>")
    assert b"nan" not in files["comparison.csv"].lower()


def test_left_out_panels_are_told() -> None:
    plot = learning_curves(make_grid([run(length=n) for n in range(10, 22)]), Styles(["gru"]))
    assert plot is not None
    assert "Shown are 9 of 12 tasks and lengths." in plot.caption


def test_nothing_to_compare() -> None:
    with pytest.raises(ValueError, match="no run of rnnlab"):
        make_report([])


def test_every_panel_shows_what_is_in_any() -> None:
    """The gradient of the longest length grows to 1.5^99; the panels have one scale."""
    runs = [run(length=n) for n in (20, 50, 100)]
    grown = np.stack([0.5 ** np.arange(100), 1.5 ** np.arange(100)])
    runs[-1] = replace(runs[-1], gradient={"h": grown})
    plot = gradient_by_lag(make_grid(runs), Styles(["gru"]))
    assert plot is not None
    for axes in plot.figure.axes:
        low, high = axes.get_ylim()
        assert low <= 1e-12
        assert high >= 1.5**99


def test_a_run_that_diverged_ends_and_one_that_solved_its_task_stays() -> None:
    """Oracle: both have 0.1 at update 200, where they end, and a third 0.3 until 400."""
    runs = [run(), run(seed=1, diverged=1.0), run(seed=2)]
    runs[2] = replace(runs[2], curves={"val/loss": np.array([[100, 0.3], [400, 0.3]])})
    for these, last in ((runs, 0.2), (runs[1:], 0.3)):
        plot = learning_curves(make_grid(these), Styles(["gru"]))
        assert plot is not None
        median = plot.figure.axes[0].lines[0].get_ydata()
        assert float(np.asarray(median)[-1]) == pytest.approx(last)


@pytest.mark.filterwarnings("error")
def test_gradients_of_nothing_and_beyond_all_numbers_are_left_out() -> None:
    zero = {"h": np.zeros((2, 50))}
    exploded = {"h": np.stack([np.ones(50), np.full(50, np.inf)])}
    runs = [replace(run(seed=s), gradient=g) for s, g in enumerate([zero, exploded])]
    plot = gradient_by_lag(make_grid([*runs, run(seed=2)]), Styles(["gru"]))
    assert plot is not None
    before, after = (np.asarray(line.get_ydata()) for line in plot.figure.axes[0].lines[:2])
    np.testing.assert_allclose(before, (1 + 0.5 ** np.arange(50)) / 2)
    np.testing.assert_allclose(after, 0.9 ** np.arange(50))
    assert gradient_by_lag(make_grid(runs[:1]), Styles(["gru"])) is not None


def test_signs_that_mean_something_to_matplotlib_and_markdown(tmp_path: Path) -> None:
    odd = {"cell.name": "a$b{$c|d"}
    report = make_report([run(params=odd), run(seed=1, params={"cell.name": "e"})])
    write_report(report, tmp_path)
    assert r"cell.name=a$b{$c\|d" in (tmp_path / "report.md").read_text("utf-8")
    assert (tmp_path / "figures" / "solved.png").exists()
