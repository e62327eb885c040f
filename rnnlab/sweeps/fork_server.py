"""The process that those of a sweep's jobs are forked from."""

import multiprocessing
from multiprocessing import forkserver
from typing import Any

PRELOAD = ["rnnlab.sweeps.preload"]


def start_fork_server() -> Any:
    """Begin to import in it what jobs need; returns what makes processes from it."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    forkserver.ensure_running()
    return context
