"""The project's pages: their links, their blocks of code, and what runs those.

As a program it runs the blocks of one page in the current folder, in their order:
`python -m tests.support.pages PAGE`.
"""

import atexit
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not {".venv", "outputs", ".pytest_cache"} & set(path.relative_to(ROOT).parts)
)
BLOCK = re.compile(r"^```([^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
FILE = re.compile(r"# ([\w/]+\.(?:py|yaml))")

RUN = ("python -m rnnlab.run", "rnnlab run")
SHORT = (
    *("train.steps=4", "train.block=2", "train.val_every=2", "train.batch_size=4"),
    *("eval.sequences=400", "eval.val_sequences=20", "eval.batch_size=200"),
)
"""What follows a command of a page's, so that it ends within seconds."""

OF_DATA = ("text", "arrays", "audio", "japanese_vowels", "digits", "mnist1d", "rhythm")
"""Tasks of the pages whose splits have fewer sequences than that."""

COLLECTED = ("--collect-only", "-q", "tests/test_layout.py")
"""What follows scripts/test."""

UI = "http://127.0.0.1:5000"


class Block(NamedTuple):
    """A block of code: its language, with what else its first line says, and its text."""

    language: str
    text: str

    @property
    def file(self) -> str | None:
        """The file that it is, as its first line says."""
        named = FILE.fullmatch(self.text.partition("\n")[0])
        return named[1] if named else None

    @property
    def commands(self) -> list[str]:
        """Of a block of bash: a line each, those that go on joined, comments left out."""
        lines = self.text.replace("\\\n", " ").splitlines()
        return [line.partition("  #")[0].strip() for line in lines if line.strip(" #")]


def blocks(page: Path) -> list[Block]:
    return [Block(*found) for found in BLOCK.findall(page.read_text(encoding="utf-8"))]


def links(page: Path) -> list[str]:
    return LINK.findall(BLOCK.sub("", page.read_text(encoding="utf-8")))


def files(page: Path) -> dict[str, str]:
    """The files that a page spells out, by name."""
    return {b.file: b.text.partition("\n")[2] for b in blocks(page) if b.file}


def write_files(page: Path, folder: Path) -> None:
    for name, text in files(page).items():
        path = folder / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text, encoding="utf-8")


def run_commands(page: Path) -> Iterator[list[str]]:
    """The words of each command of a page that is `rnnlab.run`, after that."""
    for block in blocks(page):
        for command in block.commands if block.language.startswith("bash") else []:
            words = command.removeprefix("exec ")
            for start in RUN:
                if words.startswith(f"{start} ") or words == start:
                    yield shlex.split(words.removeprefix(start))


def run_page(page: Path) -> None:
    """Each block in its order; what is Python shares its names."""
    write_files(page, Path.cwd())
    sys.path.insert(0, "")
    names: dict[str, Any] = {"__name__": "page"}
    for block in blocks(page):
        if block.file is not None:
            continue
        if block.language == "python":
            exec(compile(block.text, str(page), "exec"), names)
        elif block.language == "bash":
            for command in block.commands:
                _run(command)


def _run(command: str) -> None:
    words = shlex.split(command)
    whole = any(word.startswith(("resume=", "--")) and word != "--config-dir" for word in words)
    if any(command.startswith(start) for start in RUN) and not whole:
        words += [w for w in SHORT if not (_is_of_data(words) and w.startswith("eval."))]
        if "-m" in words[3:] and not any("diagnostics" in word for word in words):
            words.append("diagnostics=none")  # of many jobs
    if words[0] == "python":
        words[0] = sys.executable
    elif words[0].startswith("scripts/"):
        words[0] = str(ROOT / words[0])
        words += COLLECTED if words[0].endswith("test") else SHORT
    if words[:2] == ["mlflow", "ui"]:
        _stop(_server([sys.executable, "-m", *words], UI))
    elif words[:3] == ["mlflow", "models", "serve"]:
        port = words[words.index("--port") + 1]
        server = _server([sys.executable, "-m", *words], f"http://127.0.0.1:{port}/ping")
        atexit.register(_stop, server)  # the page goes on to ask it
    else:
        print("$", shlex.join(words), flush=True)  # noqa: T201 for whoever reads a failure
        subprocess.run(words, check=True)


def _is_of_data(words: list[str]) -> bool:
    """Whether it is about a set of data, whose splits are small."""
    chosen = [word.removeprefix("task=") for word in words if word.startswith("task=")]
    return bool({*OF_DATA} & {*chosen})


def _server(words: list[str], address: str) -> subprocess.Popen[bytes]:
    """A server that has answered at an address."""
    beside = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # of uvicorn
    server = subprocess.Popen(words, env={**os.environ, "PATH": beside}, start_new_session=True)
    try:
        for _ in range(300):
            with suppress(OSError), urllib.request.urlopen(address, timeout=5) as answer:
                assert answer.status == 200
                return server
            time.sleep(0.2)
        raise AssertionError(f"{words} did not answer")
    except BaseException:
        _stop(server)
        raise


def _stop(server: subprocess.Popen[bytes]) -> None:
    """With the processes that it has begun."""
    os.killpg(server.pid, signal.SIGTERM)
    server.wait()


if __name__ == "__main__":
    run_page(Path(sys.argv[1]))
