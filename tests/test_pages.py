"""The project's pages: their links lead somewhere, and their code runs."""

import ast
import re
from pathlib import Path

import pytest

from tests.support.configs import composed
from tests.support.pages import PAGES, ROOT, blocks, files, links, run_commands
from tests.support.processes import run_python

LANGUAGES = {"python", "bash", "yaml", "text"}
NOT_RUN = {"bash notest"}
"""What needs a machine of its own: a server, Slurm. Its words are read."""
FRONT = ROOT / "README.md"
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))


def headings(page: Path) -> set[str]:
    """The anchors that a page has, as GitHub makes them of its headings."""
    found = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in found}


def test_the_front_page_is_short() -> None:
    """900 words, as `wc -w` counts them."""
    assert len(FRONT.read_text(encoding="utf-8").split()) <= 900


@every_page
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        if not link.startswith(("http://", "https://")):
            name, _, anchor = link.partition("#")
            target = (page.parent / name).resolve() if name else page
            assert target.exists(), link
            assert not anchor or anchor in headings(target), link


@every_page
def test_code_can_be_read(page: Path) -> None:
    """By Python, and the overrides of its commands by Hydra."""
    for block in blocks(page):
        assert block.language in LANGUAGES | NOT_RUN, block
        if block.language == "python":
            ast.parse(block.text)
    for words in run_commands(page):
        own = {f"{Path(name).parent}={Path(name).stem}" for name in files(page)}
        if not any(word.startswith(("-", "from=")) for word in words) and not own & set(words):
            composed(*words)


@pytest.mark.slow
@every_page
def test_code_runs(page: Path, home: Path) -> None:
    """Every block and command, in their order, in an empty folder; training is cut short."""
    finished = run_python(home, "-m", "tests.support.pages", str(page), PYTHONPATH=str(ROOT))
    assert finished.returncode == 0, finished.stdout + finished.stderr
