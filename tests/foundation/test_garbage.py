"""Start-up without Python's collector of garbage. Oracle: the collector itself, in a process of its own."""

import subprocess
import sys

CODE = """
import gc
from rnnlab.foundation import garbage
garbage.resume()
assert gc.isenabled() and gc.get_freeze_count() == 0  # nothing was paused
garbage.pause()
assert not gc.isenabled()
garbage.resume()
frozen = gc.get_freeze_count()
assert gc.isenabled() and frozen > 0
garbage.pause()  # a second command in the same process: it is at work already
assert gc.isenabled()
garbage.resume()
assert gc.get_freeze_count() <= frozen
"""


def test_paused_once_and_resumed() -> None:
    subprocess.run([sys.executable, "-c", CODE], check=True)
