"""What the commands have in common that are asked by key=value: their help, signals, and the exit status."""

import sys
from collections.abc import Callable
from typing import NoReturn

from rnnlab.foundation.masking import first_line
from rnnlab.foundation.signals import Stopped, stop_on_signals
from rnnlab.foundation.streams import safe_streams


def run_command(work: Callable[[list[str]], None], help: str, words: list[str] | None) -> NoReturn:
    """Do what the words ask, and exit: with 0, or 128 and the number of the signal that stopped it.

    Args:
        work: Of the words. What it refuses it gives to `refuse`.
        help: Shown for --help, and where there is no word, which is exit 2.
        words: None: those of the command line.
    """
    words = sys.argv[1:] if words is None else words
    with safe_streams():
        if not words or {"-h", "--help"} & {*words}:
            sys.stdout.write(help)
            sys.exit(0 if words else 2)
        stop_on_signals()
        try:
            work(words)
        except Stopped as stopped:
            sys.stderr.write(f"stopped by {stopped}\n")
            sys.exit(128 + stopped.signum)
        sys.exit(0)


def refuse(error: Exception) -> NoReturn:
    """Exit 2 with the error in one line."""
    sys.stderr.write(f"{first_line(error)}\n")
    sys.exit(2)
