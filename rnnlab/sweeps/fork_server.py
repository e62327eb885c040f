"""The process that those of a sweep's jobs are forked from."""

import multiprocessing
import os
import signal
import tempfile
from multiprocessing import forkserver, util
from pathlib import Path
from typing import Any

PRELOAD = ["rnnlab.sweeps.preload"]

LONGEST = 71
"""Letters of a folder whose sockets can be named: of 103 on some systems, less /pymp-*/listener-*."""
SHORT = ("/tmp", "/var/tmp")


def start_fork_server() -> Any:
    """Begin to import in it what jobs need; returns what makes processes from it.

    Raises:
        ValueError: If its socket has no folder whose name is short enough.
    """
    _choose_folder()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    forkserver.ensure_running()
    return context


def end_fork_server() -> None:
    """If there is one, in the midst of its imports: what is refused has no use for it.

    Whoever waits for the end of the command's output would wait for it as well.
    """
    server: Any = forkserver._forkserver
    if server._forkserver_pid is not None:
        os.kill(server._forkserver_pid, signal.SIGTERM)
        server._stop()


def _choose_folder() -> None:
    """Of multiprocessing's sockets: $TMPDIR, as ever, or a shorter one; it is chosen once a process."""
    folder = tempfile.gettempdir()
    if len(os.fsencode(folder)) <= LONGEST:
        return
    short = [place for place in SHORT if Path(place).is_dir() and os.access(place, os.W_OK)]
    if not short:
        raise ValueError(f"TMPDIR={folder} is too long to name a socket in: at most {LONGEST}")
    before, tempfile.tempdir = tempfile.tempdir, short[0]
    try:
        util.get_temp_dir()
    finally:
        tempfile.tempdir = before
