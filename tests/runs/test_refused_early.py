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
        pytest.param(
            *(("trainer.devices=2",), "trainer.devices=2 is not one device"),
            "torch pytorch_lightning",
            marks=pytest.mark.slow,
        ),
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


BROKEN = """
from dataclasses import dataclass
from rnnlab.tasks.adding import Adding

@dataclass(frozen=True)
class Broken(Adding):
    def errors(self, outputs, targets):
        return ((outputs - targets).abs() > 0.04).float().mean()
"""


@pytest.mark.parametrize(
    "sweep", [(), pytest.param(("-m", "seed=0,1"), marks=pytest.mark.slow)], ids=["run", "sweep"]
)
def test_a_task_that_breaks_its_contract(tmp_path: Path, sweep: tuple[str, ...]) -> None:
    """Before anything trains, also in a sweep: it would be "solved" at the level of chance."""
    (tmp_path / "broken.py").write_text(BROKEN)
    (tmp_path / "task").mkdir()
    (tmp_path / "task" / "broken.yaml").write_text("_target_: broken.Broken\nseq_len: 20\n")
    own = ("--config-dir", ".", "allow_targets=[broken]", "task=broken")
    said, _ = refused(tmp_path, *own, *sweep)
    assert said.startswith(
        "Broken.errors gave a tensor () of torch.float32 for 7 sequences; "
        "wanted: (7,) of torch.bool"
    )
    left = {path.name for path in tmp_path.iterdir()} - {"__pycache__"}
    assert left == {"broken.py", "task"}
