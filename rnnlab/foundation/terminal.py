"""What fits a terminal's width: one living line, lines above it, and paths as short as they can be."""

import re
import shutil
import textwrap
from pathlib import Path
from typing import TextIO

from rnnlab.foundation.here import here

ERASE = "\x1b[K"  # what stands to the right of the cursor
_COMMAND = re.compile(r"(served by +|to go on: )?(python -m |mlflow ui|'?hydra\.sweep\.dir=)")


class LivingLine:
    """The last line of a terminal, which is written over; elsewhere there is none.

    Args:
        stream: Where it is shown.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream, self.terminal = stream, stream.isatty()
        self.text = ""

    def show(self, text: str) -> None:
        """Write over what it says; what is too long is cut, for no line that wraps can be erased."""
        if self.terminal:
            self.text = text
            self.stream.write(f"\r{text[: columns() - 1]}{ERASE}")
            self.stream.flush()

    def print_above(self, text: str) -> None:
        """A line that stays, above it; plain where there is no terminal."""
        if self.text:
            self.stream.write(f"\r{ERASE}")
        self.stream.write(f"{fitted(text, self.stream)}\n")
        self.stream.flush()
        if self.text:
            self.show(self.text)

    def erase(self) -> None:
        """Leave an empty line."""
        if self.text:
            self.stream.write(f"\r{ERASE}")
            self.stream.flush()
            self.text = ""

    def keep(self) -> None:
        """Let it stay as it is, and go to the next line."""
        if self.text:
            self.stream.write("\n")
            self.stream.flush()
            self.text = ""


def columns() -> int:
    """The terminal's width; 80 where there is none."""
    return shutil.get_terminal_size().columns


def fitted(text: str, stream: TextIO) -> str:
    """On a terminal, each line broken between words where it is too long, and indented from there.

    A command stays on its line, or a shell would take it for two.
    """
    if not stream.isatty():
        return text
    width = columns()
    return "\n".join(
        line
        if len(line) <= width or _COMMAND.match(line)
        else textwrap.fill(
            line, width, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
        )
        for line in text.split("\n")
    )


def short(path: Path | str) -> str:
    """A path from where the user stands on, if it lies there."""
    path = Path(path)
    return str(path.relative_to(here())) if path.is_relative_to(here()) else str(path)
