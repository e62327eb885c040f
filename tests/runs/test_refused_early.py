"""A refused command is refused by what imports least, and leaves nothing behind.

Oracle: `sys.modules` of a process of its own, as it ends; the folder that it ran in.
"""

from pathlib import Path

import pytest

from tests.support.processes import run_python

PROGRAM = """
import sys
from rnnlab.run import main
try:
    main()
finally:
    heavy = ("torch", "pytorch_lightning", "mlflow")
    sys.stderr.write("imported: " + " ".join(name for name in heavy if name in sys.modules))
"""


def refused(folder: Path, *arguments: str) -> tuple[str, str]:
    """What it says, and which of the slow imports it took."""
    done = run_python(folder, "-c", PROGRAM, *arguments)
    message, _, imported = done.stderr.partition("imported: ")
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert "Error executing job" not in done.stderr
    return message.strip(), imported


@pytest.mark.parametrize(
    ("arguments", "message", "imported"),
    [
        (("train.steps=0",), "train.steps=0 is too small: at least 1", ""),
        (("-m", "cell=elman,elman"), "jobs 0 and 1 of the sweep are the same run", ""),
        (("resume=nowhere",), "resume='nowhere': there is no run in", ""),
        (("cell.hidden_size=-1",), "cell.hidden_size=-1 is too small: at least 1", "torch"),
        (("trainer.devices=2",), "trainer.devices=2 is not one device", "torch pytorch_lightning"),
    ],
    ids=["settings", "twins", "resume", "model", "trainer"],
)
def test_a_value_is_refused_by_what_imports_least(
    tmp_path: Path, arguments: tuple[str, ...], message: str, imported: str
) -> None:
    said, took = refused(tmp_path, *arguments)
    assert said.startswith(message)
    assert took == imported
    assert list(tmp_path.iterdir()) == []
