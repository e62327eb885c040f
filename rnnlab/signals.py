"""Ctrl-C and SIGTERM as one exception that passes through Lightning and Hydra unchanged.

Lightning turns Ctrl-C into exit status 1 and SIGTERM into an exit without a status. And where the
exception lands in the middle of a write, what comes out may be the writer's own complaint:
`received` tells that a signal was the cause.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

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
    """Raise `Stopped` in this process's main thread at SIGINT, SIGTERM and SIGHUP."""

    def stop(signum: int, _: FrameType | None) -> None:
        _received.append(signum)
        if not _held:
            raise Stopped(signum)

    _received.clear()
    _held.clear()
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGHUP, stop)  # the terminal has been closed


@contextmanager
def held() -> Iterator[None]:
    """For a step that must be whole: a signal that comes meanwhile is raised after it."""
    _held.append(True)
    try:
        yield
    finally:
        _held.pop()
    if (signum := received()) is not None:
        raise Stopped(signum)


def received() -> int | None:
    """The signal that has stopped this process, if one has."""
    return _received[0] if _received else None
