"""Start-up without Python's collector. Oracle: the collector itself, in a process of its own."""

import subprocess
import sys

CODE = """
import gc
from rnnlab import collector
collector.resume()
assert gc.isenabled() and gc.get_freeze_count() == 0  # nothing was paused
collector.pause()
assert not gc.isenabled()
collector.resume()
frozen = gc.get_freeze_count()
assert gc.isenabled() and frozen > 0
collector.pause()  # a second command in the same process: it is at work already
assert gc.isenabled()
collector.resume()
assert gc.get_freeze_count() <= frozen
"""


def test_paused_once_and_resumed() -> None:
    subprocess.run([sys.executable, "-c", CODE], check=True)
