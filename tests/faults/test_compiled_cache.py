"""The folder of compiled loops on a disk that is full or read-only, or emptied by others meanwhile.

Oracle: the loop over `step`.
"""

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from rnnlab.cells.gru import GRUCell
from rnnlab.kernels.compiled import choice
from tests.support.faults import Faults
from tests.support.small_disk import fill, remounted


@pytest.fixture
def on_the_disk(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(small_disk))
    return small_disk


def compiled_anew(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether a scan that is right had to be compiled."""
    monkeypatch.setattr(choice, "_programs", {})
    caplog.clear()
    cell, x = GRUCell(2, 3), torch.randn(2, 4, 2)
    with caplog.at_level(logging.INFO):
        hidden, _ = cell(x)
    assert hidden.grad_fn is not None
    assert hidden.grad_fn.name() == "_ScanBackward"
    torch.testing.assert_close(hidden, cell.unroll(x)[0])
    return any(message.startswith("compiling") for message in caplog.messages)


def test_a_full_disk(
    on_the_disk: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    faults: Faults,
) -> None:
    fill(on_the_disk / "ballast")
    assert compiled_anew(caplog, monkeypatch)
    assert not [path for path in (on_the_disk / "rnnlab").glob("*") if path.is_file()]
    (on_the_disk / "ballast").unlink()
    assert compiled_anew(caplog, monkeypatch)
    assert not compiled_anew(caplog, monkeypatch)
    faults("a full disk under compiled loops")


def test_a_read_only_disk(
    on_the_disk: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    faults: Faults,
) -> None:
    """What was compiled before is read there; what was not is compiled by each process."""
    with remounted(on_the_disk, "ro"):
        assert compiled_anew(caplog, monkeypatch)
    assert compiled_anew(caplog, monkeypatch)
    (file,) = (on_the_disk / "rnnlab").iterdir()
    os.utime(file, (0, 0))  # so that a reading would be told
    with remounted(on_the_disk, "ro"):
        assert not compiled_anew(caplog, monkeypatch)
        assert file.stat().st_mtime == 0
    faults("a read-only disk under compiled loops")


CLEARS = """
import torch
from rnnlab.cells.gru import GRUCell
from rnnlab.foundation import cache
from rnnlab.kernels.compiled import choice
cache.ROOM = 0  # whoever writes one removes all others
for turn in range(4):
    for size in (3, 4, 5):
        choice._programs.clear()
        cell, x = GRUCell(2, size), torch.randn(2, 4, 2)
        hidden, _ = cell(x)
        assert hidden.grad_fn.name() == "_ScanBackward"
        torch.testing.assert_close(hidden, cell.unroll(x)[0])
"""


def test_processes_that_clear_it_at_once(tmp_path: Path, faults: Faults) -> None:
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    command = [sys.executable, "-c", CLEARS]
    running = [
        subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    said = [process.communicate(timeout=300)[1] for process in running]
    assert [process.returncode for process in running] == [0] * 4, said
    left = [path.suffix for path in (tmp_path / "rnnlab").iterdir()]
    assert len(left) <= 4
    assert set(left) <= {".bin"}
    faults("4 processes that clear compiled loops at once")
