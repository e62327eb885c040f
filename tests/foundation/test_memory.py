"""What is free, and what work takes. Oracle: files as Linux has them, and a tensor of known size."""

from pathlib import Path

import pytest
import torch

from rnnlab.foundation.memory import can_measure, free_memory, left_in_groups, peak, spelled, used

CPU = torch.device("cpu")
MIB = 2**20


def write(folder: Path, **files: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in files.items():
        (folder / name.replace("__", ".")).write_text(f"{value}\n")


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    (tmp_path / "proc" / "self").mkdir(parents=True)
    return tmp_path / "proc"


def test_a_limit_of_version_2(tmp_path: Path, proc: Path) -> None:
    """Of the group itself, and of the one that it is in; files that are in use count as used."""
    (proc / "self" / "cgroup").write_text("0::/jobs/mine\n")
    write(tmp_path / "groups" / "jobs" / "mine", memory__max="max", memory__current=5)
    stat = "anon 100\ninactive_file 30\nactive_file 20"
    write(tmp_path / "groups" / "jobs", memory__max=1000, memory__current=600, memory__stat=stat)
    assert list(left_in_groups(proc, tmp_path / "groups")) == [1000 - 600 + 30]


def test_a_limit_of_version_1_in_a_container(tmp_path: Path, proc: Path) -> None:
    """Where the group's own name is not to be found."""
    (proc / "self" / "cgroup").write_text("5:cpu,cpuacct:/\n4:memory:/docker/abc\n0::/\n")
    limits = {"memory__limit_in_bytes": 700, "memory__usage_in_bytes": 800}
    write(tmp_path / "groups" / "memory", **limits, memory__stat="total_inactive_file 50")
    assert list(left_in_groups(proc, tmp_path / "groups")) == [0]


def test_no_groups(tmp_path: Path, proc: Path) -> None:
    assert list(left_in_groups(proc, tmp_path)) == []
    (proc / "self" / "cgroup").write_text("0::/\n")
    assert list(left_in_groups(proc, tmp_path)) == []


@pytest.mark.skipif(not can_measure(CPU), reason="this system does not tell")
def test_the_peak_of_a_tensor() -> None:
    """That is gone when the peak is read."""
    free = free_memory(CPU)
    assert free is not None
    assert free > 64 * MIB
    before = used(CPU)
    taken = peak(CPU, lambda: torch.ones(64 * MIB // 4).sum()) - before
    assert taken == pytest.approx(64 * MIB, rel=0.1)
    assert used(CPU) - before < 16 * MIB


def test_a_device_of_which_nobody_knows() -> None:
    assert free_memory(torch.device("meta")) is None
    assert not can_measure(torch.device("meta"))


def test_spelled() -> None:
    assert [spelled(n) for n in (2.5e6, 48.51e9, 3e12)] == ["2.5 MB", "48.5 GB", "3 TB"]
