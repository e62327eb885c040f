"""What a user sees who follows the printed links: MLflow's own UI, in Debian's Chromium.

Needs chromium and playwright, and fails without them. Screenshots go to outputs/screenshots, or to
$RNNLAB_SCREENSHOTS.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from tests.support.command import client
from tests.support.processes import HANG, wait_for
from tests.support.servers import QUIET, answers, free_port

ROOT = Path(__file__).parents[2]
SWEEP = (
    *("-m", "cell=elman,gru,lstm", "task.seq_len=10,15", "seed=0,1", "train.steps=500"),
    *("eval.sequences=1000", "eval.lengths=[20,30]", "tracking.log_model=false"),
)
SECONDS = 1000  # milliseconds
# The second point of each line of val/loss: at the first nothing is smoothed yet.
LOSSES_DRAWN = """() => [...document.querySelectorAll(".js-plotly-plot")]
  .flatMap(plot => plot.data || [])
  .filter(line => line.metricKey === "val/loss" && line.mode === "lines+markers")
  .map(line => line.y[1])"""

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A real sweep; its folder and what it printed."""
    home = tmp_path_factory.mktemp("sweep")
    command = [sys.executable, "-m", "rnnlab.run", *SWEEP]
    done = subprocess.run(command, cwd=home, capture_output=True, text=True, check=True)
    return home, done.stdout


@pytest.fixture(scope="module")
def server(sweep: tuple[Path, str]) -> Iterator[str]:
    """`mlflow ui` where the sweep was made; its address."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "mlflow", "ui", "--port", str(port), "--workers", "1"],
        cwd=sweep[0],
        env=os.environ | QUIET,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_for(lambda: answers(f"http://127.0.0.1:{port}"), every=0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=HANG)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium")
    assert path is not None, "Debian's chromium is not installed"
    quiet = ("quic", "background-networking", "component-update", "sync", "gpu")
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--no-first-run", *(f"--disable-{what}" for what in quiet)]
        launched = playwright.chromium.launch(executable_path=path, args=arguments)
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A new visitor with a wide screen."""
    context = browser.new_context(viewport={"width": 1900, "height": 1000})
    page = context.new_page()
    page.set_default_timeout(30 * SECONDS)
    expect.set_options(timeout=30 * SECONDS)
    yield page
    context.close()


def printed(name: str, out: str, server: str) -> str:
    """The link that the sweep printed below `name`, at the port where the server is."""
    (link,) = re.findall(rf"^{name}\n(http://127\.0\.0\.1:5000/\S+)$", out, re.MULTILINE)
    return link.replace("http://127.0.0.1:5000", server)


def keep(page: Page, name: str) -> None:
    folder = Path(os.environ.get("RNNLAB_SCREENSHOTS", ROOT / "outputs" / "screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=folder / f"{name}.png")


def shows_columns(page: Page) -> None:
    for metric in ("test/loss_over_chance", "test/error", "test/solved", "steps_to_solve"):
        expect(page.get_by_role("columnheader", name=metric).first).to_be_visible()


def test_the_sweeps_link_shows_variants_grouped(
    sweep: tuple[Path, str], server: str, page: Page
) -> None:
    page.goto(printed("compare", sweep[1], server))
    for variant in ("elman", "gru", "lstm"):
        for length in (10, 15):
            group = f"Group: {variant} · adding {length}"
            expect(page.get_by_text(group)).to_have_count(1)
    shows_columns(page)
    keep(page, "sweep")


def test_a_runs_link_compares_the_variants_on_its_task(
    sweep: tuple[Path, str], server: str, page: Page
) -> None:
    output = next(sweep[0].glob("outputs/sweeps/*/*/0/output.txt")).read_text()
    page.goto(printed("compare", output, server))
    for variant in ("elman", "gru", "lstm"):
        expect(page.get_by_text(f"Group: {variant}", exact=True)).to_be_visible()
    expect(page.get_by_text("gru · adding 10 · s0")).to_be_visible()
    expect(page.get_by_text("gru · adding 15 · s0")).to_have_count(0)
    shows_columns(page)
    keep(page, "run")


def test_its_charts_have_a_logarithmic_loss(
    sweep: tuple[Path, str], server: str, page: Page
) -> None:
    output = next(sweep[0].glob("outputs/sweeps/*/*/0/output.txt")).read_text()
    page.goto(printed("compare", output, server) + "&compareRunsMode=CHART")
    expect(page.get_by_text("Loss and error").first).to_be_visible()
    expect(page.get_by_text("Gradients and memory").first).to_be_visible()
    # A logarithmic axis has ticks at decades, which for these losses an even one has not.
    expect(page.locator(".ytick text", has_text=re.compile(r"^0\.01$")).first).to_be_visible()
    page.wait_for_timeout(2 * SECONDS)  # for the other charts, which are drawn one by one
    keep(page, "charts")
    drawn = page.evaluate(LOSSES_DRAWN)
    assert sorted(drawn) == pytest.approx(sorted(mean_losses(sweep[0], 10)))


def mean_losses(home: Path, length: int) -> list[float]:
    """val/loss at the second validation, as MLflow has it: each variant's mean over seeds."""
    store, losses = client(home), dict[str, list[float]]()
    for run in store.search_runs(["1"], f"params.length = '{length}'"):
        history = store.get_metric_history(run.info.run_id, "val/loss")
        second = sorted(history, key=lambda point: point.step)[1]
        losses.setdefault(run.data.params["variant"], []).append(second.value)
    return [float(np.mean(values)) for values in losses.values()]


def test_the_report_opens_in_the_artifact_view(
    sweep: tuple[Path, str], server: str, page: Page
) -> None:
    page.goto(printed("in MLflow", sweep[1], server))
    page.get_by_role("tab", name="Artifacts").or_(
        page.get_by_role("link", name="Artifacts")
    ).first.click()
    page.get_by_text("report.html", exact=True).click()
    report = page.frame_locator("iframe")
    expect(report.get_by_role("heading", name="rnnlab: comparison")).to_be_visible()
    expect(report.get_by_role("img", name="Gradient by lag")).to_have_count(1)
    expect(report.locator("svg")).to_have_count(6)
    for variant in ("elman", "gru", "lstm"):
        expect(report.locator("th", has_text=re.compile(f"^{variant}$")).first).to_be_visible()
    keep(page, "artifact")
    page.get_by_text("figures", exact=True).click()
    page.get_by_text("learning_curves.png", exact=True).click()
    expect(page.locator("img[src^='blob:'], img[src*='learning_curves']").first).to_be_visible()
    keep(page, "figure")


def test_the_sweeps_description_opens_with_the_answer(
    sweep: tuple[Path, str], server: str, page: Page
) -> None:
    page.goto(printed("in MLflow", sweep[1], server))
    (said,) = re.findall(r"^adding: [^.]*\.", sweep[1], re.MULTILINE)
    expect(page.get_by_text(" ".join(said.split()))).to_be_visible()
    expect(page.get_by_role("columnheader", name="solved (95 %)")).to_be_visible()
    keep(page, "description")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1100, 390])
def test_the_report_alone_fits_a_screen_and_a_telephone(
    sweep: tuple[Path, str], browser: Browser, width: int, scheme: Literal["light", "dark"]
) -> None:
    """It never scrolls sideways; a table does in its own box, and its first column stays in sight."""
    path = next(sweep[0].glob("outputs/sweeps/*/*/report/report.html"))
    context = browser.new_context(
        viewport={"width": width, "height": 900}, device_scale_factor=2, color_scheme=scheme
    )
    page, requested = context.new_page(), list[str]()
    page.on("request", lambda request: requested.append(request.url))
    page.goto(path.as_uri())
    keep(page, f"report_{width}_{scheme}")
    folder = Path(os.environ.get("RNNLAB_SCREENSHOTS", ROOT / "outputs" / "screenshots"))
    page.screenshot(path=folder / f"report_{width}_{scheme}_whole.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    boxes = page.locator(".wide")
    assert boxes.count() == 5 + 6 + 1  # tables, figures, the list of runs
    for box in boxes.all():
        place = box.bounding_box()
        assert place is not None
        assert place["x"] + place["width"] <= width
    table = page.locator(".wide:has(table)").first
    assert table.evaluate("box => box.scrollWidth > box.clientWidth")
    table.evaluate("box => { box.scrollLeft = 200 }")
    cells = table.locator("tbody tr").first.locator("th, td")
    left = [box["x"] for box in map(Locator.bounding_box, cells.all()) if box is not None]
    assert left[0] == pytest.approx(table.evaluate("box => box.getBoundingClientRect().x"))
    assert left[1] < left[0]  # the next column is under it
    assert (luminance(page, "background-color") > 0.5) == (scheme == "light")
    assert abs(luminance(page, "color") - luminance(page, "background-color")) > 0.7
    assert [url for url in requested if not url.startswith("data:")] == [path.as_uri()]
    context.close()


def luminance(page: Page, name: str) -> float:
    """Of a colour of the page, from 0 to 1; text in figures has the page's own."""
    (ink,) = {
        page.locator(selector).first.evaluate(f"e => getComputedStyle(e)['{name}']")
        for selector in (("html",) if name == "background-color" else ("html", "figure svg"))
    }
    red, green, blue = (int(part) for part in re.findall(r"\d+", ink)[:3])
    return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255
