"""What the place of a run has set for others. Oracle: the same run where nothing of it is set."""

import multiprocessing
import tempfile
from collections.abc import Callable, Iterator
from multiprocessing import connection, util
from pathlib import Path
from typing import Any

import pytest

from rnnlab.sweeps import fork_server
from rnnlab.tracking.result import Result
from tests.support.command import QUICK, SMALL, Command, client
from tests.support.faults import Faults, cost
from tests.support.journals import distinct_points
from tests.support.processes import run_python

RUN = (*QUICK, *SMALL, "tracking.log_model=false", "cell.hidden_size=4")
SLURM = {"SLURM_JOB_ID": "77", "SLURM_NTASKS": "2", "SLURM_JOB_NAME": "foo", "SLURM_NODEID": "0"}
CLUSTERS = {
    "the first task of Slurm's": {**SLURM, "SLURM_PROCID": "0", "SLURM_LOCALID": "0"},
    "the second task of Slurm's": {**SLURM, "SLURM_PROCID": "1", "SLURM_LOCALID": "1"},
    "a task of Slurm's that says no more": SLURM,
    "a process of torchrun's": {
        "TORCHELASTIC_RUN_ID": "x",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": "29999",
        "RANK": "1",
        "LOCAL_RANK": "1",
        "GROUP_RANK": "0",
        "WORLD_SIZE": "2",
    },
    "a process of jsrun's": {
        "LSB_JOBID": "7",
        "LSB_DJOB_RANKFILE": "/dev/null",
        "JSM_NAMESPACE_RANK": "1",
        "JSM_NAMESPACE_LOCAL_RANK": "1",
        "JSM_NAMESPACE_SIZE": "2",
    },
}


def test_one_of_several_processes_of_a_cluster_is_a_run_of_its_own(
    command: Command, home: Path, faults: Faults
) -> None:
    """It is one process unless asked to be more."""
    assert command(*RUN, "hydra.run.dir=alone").status == 0
    for number, (name, environment) in enumerate(CLUSTERS.items()):
        folder = home / str(number)
        words = ("-m", "rnnlab.run", *RUN, f"hydra.run.dir={folder}")
        finished = run_python(home, *words, **environment)
        assert finished.returncode == 0, (name, finished.stderr)
        assert distinct_points(folder) == distinct_points(home / "alone")
        faults("variables of a cluster", **cost(client(home), Result.read(folder).run_id, folder))


@pytest.fixture
def of_length() -> Iterator[Callable[[int], Path]]:
    """A new folder whose name has so many letters."""
    with tempfile.TemporaryDirectory(dir="/tmp") as root:

        def make(letters: int) -> Path:
            folder = Path(root, "x" * (letters - len(root) - 1))
            folder.mkdir()
            return folder

        yield make


def test_a_long_tmpdir_ends_no_sweep(
    home: Path, of_length: Callable[[int], Path], faults: Faults
) -> None:
    """Of as many letters as are too many for a socket, and of as many as just do."""
    for letters in (fork_server.LONGEST, fork_server.LONGEST + 1, 76, 180):
        temporary = of_length(letters)
        sweep = ("-m", "rnnlab.run", "-m", *RUN, "seed=0,1", f"hydra.sweep.dir={letters}")
        finished = run_python(home, *sweep, TMPDIR=str(temporary))
        assert finished.returncode == 0, finished.stderr
        assert "0 of 2" in finished.stdout
        assert list(temporary.iterdir()) == []
        faults("a long TMPDIR")


def test_a_socket_fits_below_the_longest_folder(
    of_length: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the names that multiprocessing gives; 103 letters are what macOS takes."""
    monkeypatch.setattr(tempfile, "tempdir", str(of_length(fork_server.LONGEST)))
    # The folder goes with the test, not with the process.
    monkeypatch.setattr(util, "Finalize", lambda *_, **__: None)
    process: Any = multiprocessing.current_process()
    monkeypatch.setitem(process._config, "tempdir", None)
    with connection.Listener(family="AF_UNIX") as listener:
        assert len(str(listener.address)) <= 103


def test_no_short_folder_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/" + "x" * 80)
    monkeypatch.setattr(fork_server, "SHORT", ("/nowhere",))
    with pytest.raises(ValueError, match=r"TMPDIR=/x+ is too long to name a socket in: at most 71"):
        fork_server.start_fork_server()
