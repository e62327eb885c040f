"""No job outlives the sweep that launched it, not even one that was killed without a warning."""

import functools
import multiprocessing
import os
import signal
import threading


@functools.cache  # once a process, however many jobs it takes
def end_with_the_sweep() -> None:
    """SIGTERM to this process once the one that launched it is gone: its run ends as KILLED."""
    launching = multiprocessing.parent_process()
    assert launching is not None

    def watch() -> None:
        launching.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
