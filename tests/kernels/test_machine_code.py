"""Compiled loops on disk. Oracles: what a process logs, the bits that it computes, the files that it leaves."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from rnnlab.cells.elman import ElmanCell
from rnnlab.kernels.compiled import choice

SCRIPT = """
import hashlib, logging, sys
import torch
logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
from rnnlab.cells.gru import GRUCell
torch.set_num_threads(1)
torch.manual_seed(0)
cell, x = GRUCell(2, 6), torch.randn(3, 5, 2)
hidden, _ = cell(x)
assert hidden.grad_fn.name() == "_ScanBackward"
hidden.square().sum().backward()
found = [hidden.detach(), *(p.grad for p in cell.parameters())]
print(hashlib.sha256(b"".join(t.contiguous().numpy().tobytes() for t in found)).hexdigest())
"""
COMPILES = "compiling GRUCell (once, some seconds)"


def begin(cache: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", SCRIPT]
    return subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True)


def end(process: subprocess.Popen[str]) -> tuple[str, list[str]]:
    """The digest of what it computed, and what it logged."""
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out, err.splitlines()


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A cache that two processes have filled at once, and what both computed."""
    cache = tmp_path_factory.mktemp("cache")
    (one, said), (other, said_too) = map(end, [begin(cache), begin(cache)])
    assert one == other
    assert COMPILES in said + said_too
    return cache, one


@pytest.mark.slow
def test_two_at_once_leave_one_whole_file(filled: tuple[Path, str]) -> None:
    cache, _ = filled
    (file,) = (cache / "rnnlab").iterdir()
    assert file.suffix == ".bin"


@pytest.mark.slow
def test_the_next_process_compiles_nothing_and_computes_the_same_bits(
    filled: tuple[Path, str],
) -> None:
    cache, digest = filled
    before = [path.stat().st_mtime_ns for path in (cache / "rnnlab").iterdir()]
    assert end(begin(cache)) == (digest, [])
    assert [path.stat().st_mtime_ns for path in (cache / "rnnlab").iterdir()] == before


def loaded(caplog: pytest.LogCaptureFixture, cache: Path) -> tuple[float, list[str]]:
    """What a scan computes that is loaded anew, and what was logged."""
    caplog.clear()
    with pytest.MonkeyPatch.context() as patch, caplog.at_level(logging.INFO):
        patch.setenv("XDG_CACHE_HOME", str(cache))
        patch.setattr(choice, "_programs", {})
        torch.manual_seed(0)
        hidden, _ = ElmanCell(2, 6)(torch.ones(3, 5, 2))
        assert hidden.grad_fn is not None
        assert hidden.grad_fn.name() == "_ScanBackward"
        return hidden.sum().item(), list(caplog.messages)


COMPILING = ["compiling ElmanCell (once, some seconds)"]


def test_what_is_on_disk_is_not_compiled_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    value, said = loaded(caplog, tmp_path)
    assert said == COMPILING
    assert loaded(caplog, tmp_path) == (value, [])
    (file,) = (tmp_path / "rnnlab").iterdir()
    assert file.suffix == ".bin"


def test_where_nothing_can_be_written_each_process_compiles(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    value, said = loaded(caplog, tmp_path / "file")
    assert said == COMPILING
    assert loaded(caplog, tmp_path / "file") == (value, COMPILING)


def test_half_a_file_is_none(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    value, _ = loaded(caplog, tmp_path)
    (file,) = (tmp_path / "rnnlab").iterdir()
    whole = file.read_bytes()
    for damaged in (whole[:-100], b"", whole[:40] + b"x" + whole[41:]):
        file.write_bytes(damaged)
        assert loaded(caplog, tmp_path) == (value, COMPILING)
        assert file.read_bytes() == whole
