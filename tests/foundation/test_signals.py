"""Signals to this process itself; the oracle is what comes out, and when."""

import os
import signal
from collections.abc import Iterator

import pytest

from rnnlab.foundation.signals import Stopped, hold_signals, received_signal, stop_on_signals

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    stop_on_signals()
    yield
    stop_on_signals()  # forgets what was received
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_raised_where_it_comes(number: signal.Signals) -> None:
    with pytest.raises(Stopped) as stopped:
        os.kill(os.getpid(), number)
    assert stopped.value.code == 128 + number
    assert received_signal() == number


def test_a_step_that_must_be_whole_is() -> None:
    steps = []

    @hold_signals()
    def step(error: type[Exception] | None = None) -> None:
        steps.append("begun")
        os.kill(os.getpid(), signal.SIGTERM)
        steps.append("done")
        if error is not None:
            raise error

    with pytest.raises(Stopped) as stopped:
        step()
    assert steps == ["begun", "done"]
    assert stopped.value.code == 143
    stop_on_signals()  # forgets what was received
    with pytest.raises(KeyError):  # what went wrong goes first
        step(KeyError)
    stop_on_signals()
    with pytest.raises(Stopped):  # nothing is held any more
        os.kill(os.getpid(), signal.SIGTERM)
