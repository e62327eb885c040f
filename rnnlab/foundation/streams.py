"""Standard output and error, whose end is not the end of a run, and which no password reaches."""

import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from io import TextIOWrapper
from pathlib import Path
from typing import Any, TextIO, cast

from rnnlab.foundation.masking import masked

_COMMANDS = re.compile(r"\x1b(?!\[[\d;]*[mK])|[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f]")
"""What a terminal would obey, but for colours, the cursor's return and an erased line."""


class SafeStream:
    """A text stream that masks what it is given, and drops what its file does not take.

    Args:
        stream: The stream; None: there is none, as where it was closed before Python began.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self.stream = stream or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
        if isinstance(self.stream, TextIOWrapper):  # what it has no letter for is no error
            self.stream.reconfigure(errors="replace")

    def write(self, text: str) -> int:
        with suppress(OSError):
            self.stream.write(_COMMANDS.sub("?", masked(text)))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        with suppress(OSError):
            self.stream.flush()

    def leave(self) -> None:
        """What cannot be written now would fail again as Python ends, and be its exit status."""
        try:
            self.stream.flush()
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.stream.fileno())
            os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


@contextmanager
def safe_streams() -> Iterator[None]:
    """Standard output and error, for a while."""
    streams = SafeStream(sys.stdout), SafeStream(sys.stderr)
    out, error = (cast(TextIO, stream) for stream in streams)
    try:
        with redirect_stdout(out), redirect_stderr(error):
            yield
    finally:
        for stream in streams:
            stream.leave()
