"""Several processes at one run. Oracle: how many runs there are, and what each process says."""

import threading
from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException

from rnnlab.foundation.folder_lock import (
    FileLock,
    FolderLockedError,
    delivering,
    keep,
    let_go_all,
    locked,
    refuse_at_work,
)
from rnnlab.foundation.run_folder import RunFolder
from rnnlab.tracking import logger
from rnnlab.tracking.delivery import Delivery
from rnnlab.tracking.result import Result
from tests.support.command import Command, client
from tests.support.faults import TRAIN, Faults, cost
from tests.support.killed_runs import killed_at
from tests.support.processes import HANG, Spawn, start_python, wait_for

RUN = ("cell=gru", *TRAIN, "train.steps=400", "train.stop_when_solved=false")

# For `python -c`: a lock that another process has, until a file says that it is enough.
HOLDER = """
import sys, time
from pathlib import Path
from rnnlab.foundation.folder_lock import {how}
with {how}(Path(sys.argv[1])):
    Path("held").touch()
    while not Path("enough").exists():
        time.sleep(0.01)
"""


def test_the_same_command_three_times_at_once(spawn: Spawn, home: Path, faults: Faults) -> None:
    processes = [spawn(*RUN, "resume=auto") for _ in range(3)]
    said = {process: process.communicate(timeout=HANG)[0] for process in processes}
    assert sorted(process.returncode for process in processes) == [0, 2, 2], said
    for process, out in said.items():
        if process.returncode == 2:
            assert "a process is at work" in out
            assert "Traceback" not in out
    (folder,) = (path.parent for path in home.glob("outputs/runs/*/*/result.json"))
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]  # nor is an empty one
    result = Result.read(folder)
    assert result.status == "FINISHED"
    faults("the same command at once", made=3, **cost(client(home), result.run_id, folder))


def test_one_that_is_at_work_is_not_begun_again(spawn: Spawn, command: Command, home: Path) -> None:
    process = spawn(*RUN, "train.steps=1000000")
    wait_for(lambda: list(home.glob("outputs/runs/*/*/checkpoints/last.ckpt")))
    again = command(*RUN, "train.steps=1000000", "resume=auto")
    assert again.status == 2
    assert "a process is at work in it" in again.err
    assert len(list(home.glob("outputs/runs/*/*"))) == 1
    process.kill()


@pytest.mark.parametrize("how", ["locked", "delivering"])
def test_a_look_is_in_nobodys_way(how: str, command: Command, home: Path, faults: Faults) -> None:
    """A run beside a look, or a delivery, waits for that; beside another that is at work it ends."""
    killed_at(home, 100, *RUN, "hydra.run.dir=outputs/a")
    folder = home / "outputs" / "a"
    holder = start_python(home, "-c", HOLDER.format(how=how), str(folder))
    wait_for((home / "held").exists)
    if how == "locked":
        refused = command("resume=outputs/a")
        assert refused.status == 2
        assert refused.err.strip() == f"{folder}: a process is at work in it"
        (home / "enough").touch()
        wait_for(lambda: holder.poll() is not None)
    else:
        threading.Timer(1.0, (home / "enough").touch).start()
    resumed = command("resume=outputs/a")
    assert resumed.status == 0, resumed.err
    holder.communicate()
    result = Result.read(folder)
    faults(f"a run beside another process: {how}", **cost(client(home), result.run_id, folder))


def test_who_shares_a_folder(tmp_path: Path) -> None:
    refuse_at_work(tmp_path)
    assert list(tmp_path.iterdir()) == []  # a look makes nothing
    path = RunFolder(tmp_path).lock
    with FileLock(path, shared=True), delivering(tmp_path):
        refuse_at_work(tmp_path)
        with (
            pytest.raises(FolderLockedError, match="a process is at work in it"),
            delivering(tmp_path),
        ):
            pytest.fail("two deliver it at once")
    with FileLock(path):  # as by another process, for this one knows nothing of it
        for attempt in (lambda: keep(tmp_path), lambda: refuse_at_work(tmp_path)):
            with pytest.raises(FolderLockedError, match="a process is at work in it"):
                attempt()
    with locked(tmp_path):
        refuse_at_work(tmp_path)  # its own work
        with locked(tmp_path), delivering(tmp_path):
            pass
        with pytest.raises(BlockingIOError):
            FileLock(path)
    FileLock(path).release()
    keep(tmp_path)
    with pytest.raises(BlockingIOError):
        FileLock(path, shared=True)
    let_go_all()
    FileLock(path).release()


def test_a_lock_that_leads_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "victim").write_text("mine")
    RunFolder(tmp_path / "run").lock.symlink_to(tmp_path / "victim")
    with pytest.raises(ValueError, match=r"\.lock cannot be locked"):
        keep(tmp_path / "run")
    assert (tmp_path / "victim").read_text() == "mine"


@pytest.mark.parametrize("call", ["begin", "_stored", "send", "send_artifacts", "end"])
def test_one_request_that_is_dropped(
    call: str, command: Command, home: Path, monkeypatch: pytest.MonkeyPatch, faults: Faults
) -> None:
    """The run is delivered all the same, by itself."""
    monkeypatch.setattr(logger, "FLUSH_SECONDS", 0.2)
    monkeypatch.setattr(logger, "AGAIN_AFTER", 0.0)
    method, dropped = getattr(Delivery, call), []

    def drop_the_first(self: Delivery, *arguments: object) -> object:
        if not dropped:
            dropped.append(call)
            raise MlflowException("the connection was reset")
        return method(self, *arguments)

    killed_at(home, 100, *RUN, "hydra.run.dir=outputs/a")
    monkeypatch.setattr(Delivery, call, drop_the_first)
    finished = command("resume=outputs/a")
    assert finished.status == 0, finished.err
    assert dropped
    result = Result.read(home / "outputs" / "a")
    assert result.delivered
    assert client(home).get_run(result.run_id).info.status == "FINISHED"
    faults(
        "a request that is dropped",
        **cost(client(home), result.run_id, home / "outputs" / "a"),
    )
