"""Terminals that a test looks at."""

import io
import os
import pty
import re
import select
import subprocess
import sys
from pathlib import Path


class Terminal(io.StringIO):
    """A stream that says that it is one."""

    def isatty(self) -> bool:
        return True


def screen(text: str) -> list[str]:
    """What stands on a terminal after `text`, in which nothing but `\\r` and "erase to the right" moves.

    Raises:
        ValueError: For another escape code.
    """
    lines, column = [""], 0
    for part in re.findall(r"\x1b\[[\d;?]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", text):
        if part == "\r":
            column = 0
        elif part == "\n":
            lines.append("")
            column = 0
        elif part == "\x1b[K":
            lines[-1] = lines[-1][:column]
        elif part.startswith("\x1b"):
            raise ValueError(f"{part!r} is not known")
        else:
            lines[-1] = lines[-1][:column].ljust(column) + part + lines[-1][column + len(part) :]
            column += len(part)
    return lines


class Screen:
    """A process in a terminal of 80 columns, and all that it writes there."""

    def __init__(self, home: Path, *arguments: str) -> None:
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=home,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=os.environ | {"COLUMNS": "80", "TERM": "xterm"},
            start_new_session=True,
        )
        os.close(slave)
        self.written = b""

    @property
    def text(self) -> str:
        return self.written.decode("utf-8", "ignore").replace("\r\n", "\n")

    def read(self, seconds: float = 0.1) -> bool:
        """What has come meanwhile; False once there is nobody who writes."""
        if not select.select([self.master], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.master, 65536)
        except OSError:  # Linux's end of a terminal
            return False
        self.written += data
        return bool(data)

    def read_to_the_end(self) -> int:
        """The process's exit status."""
        while self.read():
            pass
        os.close(self.master)
        return self.process.wait()
