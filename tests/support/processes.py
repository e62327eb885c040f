"""Processes that a test starts, waits for and kills."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

Spawn = Callable[..., subprocess.Popen[str]]

HANG = 300
"""Seconds after which a test that waits gives up: a guard against hanging, never a limit of speed."""


def start_python(home: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """This Python in a session of its own, its two outputs in one pipe."""
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | environment,
        start_new_session=True,
    )


def run_python(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """This Python, to its end, its two outputs apart."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=home,
        capture_output=True,
        text=True,
        env=os.environ | environment,
        check=False,
    )


# For `python -c`: the command, whose sweeps end with a report without figures.
WITHOUT_FIGURES = """
import rnnlab.report.report
rnnlab.report.report.draw = lambda grid: []
from rnnlab.run import main
main()
"""


def end(process: subprocess.Popen[str]) -> None:
    """Whatever the test came to: no process of it is left."""
    if process.poll() is None:
        process.kill()
    process.communicate()
    assert not left_behind(process.pid)


def wait_for(what: Callable[[], object], seconds: float = HANG, every: float = 0.01) -> None:
    """Until it holds."""
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(every)


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


@contextmanager
def halted(process: subprocess.Popen[str]) -> Iterator[None]:
    """Within it a run, or a sweep, stands still: what is done to the server takes it no time."""
    os.killpg(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGCONT)


def left_behind(session: int) -> list[int]:
    """Processes of a session that are still there, as its leader's children may be for a moment."""
    for _ in range(300):
        found = [pid for pid in _pids() if _session(pid) == session]
        if not found:
            break
        time.sleep(0.1)
    return found


def _pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]


def _session(pid: int) -> int:
    try:
        # After the name, which may hold anything: state, parent, group, session.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return -1
    return -1 if fields[0] == "Z" else int(fields[3])
