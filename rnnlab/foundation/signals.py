"""Ctrl-C, SIGTERM and Slurm's SIGUSR1 as one exception that passes through Lightning and Hydra unchanged.

Lightning turns Ctrl-C into exit status 1 and SIGTERM into an exit without a status. And where the
exception lands in the middle of a write, what comes out may be the writer's own complaint:
`received_signal` tells that a signal was the cause.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from rnnlab.foundation import slurm

_received: list[int] = []
_held: list[bool] = []


class Stopped(SystemExit):
    """Ends the process through every `finally`, with the status that shells expect: 130 or 143."""

    def __init__(self, signum: int) -> None:
        super().__init__(128 + signum)
        self.signum = signum

    def __str__(self) -> str:
        return signal.Signals(self.signum).name


def stop_on_signals() -> None:
    """Raise `Stopped` in this process's main thread at the first signal; a second Ctrl-C ends it.

    The signals are SIGINT, SIGTERM, SIGHUP (the terminal has been closed), and in a job of Slurm
    SIGUSR1, which it sends before the time is up. What comes while the first is being dealt with
    changes nothing.
    """

    def stop(signum: int, _: FrameType | None) -> None:
        first, again = not _received, signum == signal.SIGINT in _received
        _received.append(signum)
        if again:
            os._exit(128 + signum)
        if first and not _held:
            raise Stopped(signum)

    _received.clear()
    _held.clear()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    if slurm.job_id():
        signal.signal(signal.SIGUSR1, stop)


@contextmanager
def hold_signals() -> Iterator[None]:
    """For a step that must be whole: the first signal, if it comes meanwhile, is raised after it."""
    before = received_signal()
    _held.append(True)
    try:
        yield
    finally:
        _held.pop()
    if before is None and (signum := received_signal()) is not None:
        raise Stopped(signum)


def received_signal() -> int | None:
    """The signal that has stopped this process, if one has."""
    return _received[0] if _received else None
